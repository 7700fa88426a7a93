"""Processes for confined attacks, forked from one that has loaded the libraries and nothing else.

Starting Python with torch takes seconds, a fork takes milliseconds. So the first confined attack
starts a fork server: a process that imports what every attack needs, is told nothing, and forks
once for each attack. Nothing passes from one attack to the next: each gets a fresh copy.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from typing import IO, Any, Protocol

from ppattack.isolation.confinement import (
    UMASK,
    adopt_orphans,
    allowed,
    confine,
    end_orphans,
    end_session,
)

FORKS = sys.platform == "linux"
"""Elsewhere a process that has loaded torch may break when it forks: each is then started anew."""
_MESSAGE = struct.Struct("=ci")
_FORK, _WAIT = b"f", b"w"
_SECONDS_TO_END = 5.0
_LOCK = threading.Lock()
_servers: dict[int, _ForkServer] = {}


class ConfinedProcess(Protocol):
    """A process that an attack is confined to."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def kill(self) -> None:
        """End it, and what it has started."""

    def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that ended it."""


def start(connection: int, output: IO[bytes]) -> ConfinedProcess:
    """Start a process that answers at a connection; see :func:`ppattack.isolation.child.serve`.

    Args:
        connection: file descriptor of its end.
        output: file that receives what it prints.

    Raises:
        OSError: if it cannot be started.
    """
    if not FORKS:
        return _Started("isolation.child", connection, output)
    with _LOCK:
        for last in (False, True):
            server = _servers.get(os.getpid()) or _ForkServer()
            _servers[os.getpid()] = server
            try:
                return server.fork(connection, output)
            except OSError:  # it was killed
                _servers.pop(os.getpid()).close()
                if last:
                    raise
    raise AssertionError  # never reached


def close() -> None:
    """End the fork server of this process, if there is one; the next attack starts another."""
    with _LOCK:
        server = _servers.pop(os.getpid(), None)
    if server is not None:
        server.close()


class _Started(subprocess.Popen[bytes]):
    """A new Python that runs the ``main`` of a module with a file descriptor, in its own session.

    Args:
        module: of ppattack.
        handle: the descriptor, the only one that it inherits.
        output: file that receives what it prints.
    """

    def __init__(self, module: str, handle: int, output: IO[bytes] | int) -> None:
        super().__init__(
            [
                sys.executable,
                "-P",
                "-c",
                f"from ppattack.{module} import main; main()",
                f"{handle}",
            ],
            pass_fds=(handle,),
            env={**allowed(os.environ), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=UMASK,
        )

    def kill(self) -> None:
        """End it, and what it has started in its session."""
        if self.poll() is None:
            end_session(self.pid)


class _ForkServer:
    """The fork server of this process, seen from outside."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._process = _Started("isolation.fork_server", theirs.fileno(), subprocess.DEVNULL)
        theirs.close()
        atexit.register(self.close)

    def fork(self, connection: int, output: IO[bytes]) -> _Forked:
        message = _MESSAGE.pack(_FORK, 0)
        socket.send_fds(self._control, [message], [connection, output.fileno()])
        return _Forked(self, self._answer())

    def wait_for(self, pid: int) -> int:
        """Wait for a forked process to end; returns its exit code."""
        self._control.sendall(_MESSAGE.pack(_WAIT, pid))
        return self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(_MESSAGE.size, socket.MSG_WAITALL)
        if len(answer) < _MESSAGE.size:
            raise BrokenPipeError("the fork server has ended")
        return int(_MESSAGE.unpack(answer)[1])

    def close(self) -> None:
        """End it, and with it the processes that are left."""
        atexit.unregister(self.close)
        self._control.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Forked:
    """A process that a fork server has forked."""

    def __init__(self, server: _ForkServer, pid: int) -> None:
        self._server, self.pid = server, pid
        self._code: int | None = None

    def kill(self) -> None:
        # The fork server keeps the number reserved until it is asked for the exit code.
        if self._code is None:
            end_session(self.pid)

    def wait(self) -> int:
        if self._code is None:
            with _LOCK:
                try:
                    self._code = self._server.wait_for(self.pid)
                except OSError:
                    self._code = -signal.SIGKILL  # it ends with the fork server
        return self._code


def main() -> None:
    """Fork on request until the other side closes the socket; the argument is its descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks decides
    control = socket.socket(fileno=int(sys.argv[1]))
    adopt_orphans()
    _load()
    living: set[int] = set()
    while True:
        message, handles, _, _ = socket.recv_fds(control, _MESSAGE.size, 2)
        if len(message) < _MESSAGE.size:
            end_orphans(())
            os._exit(0)
        kind, pid = _MESSAGE.unpack(message)
        if kind == _WAIT:
            control.sendall(_MESSAGE.pack(kind, _ended(pid, living)))
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            _run_child(*handles)
        for handle in handles:
            os.close(handle)
        living.add(pid)
        control.sendall(_MESSAGE.pack(kind, pid))


def _ended(pid: int, living: set[int]) -> int:
    """Wait for a child, end all that it has started, and give its exit code."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # its number stays its own meanwhile
    end_session(pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    living.discard(pid)
    end_orphans(living)
    return code


def _load() -> None:
    """Import what every attack needs; nothing is computed, so that there are no other threads."""
    import safetensors.numpy
    import torch

    from ppattack import permxor
    from ppattack.isolation import child
    from ppattack.plugins import source
    from ppattack.target import base

    del safetensors, torch, base, child, permxor, source


def _run_child(connection: int, output: int) -> Any:
    """Run a forked child from its first step to its end."""
    from ppattack.isolation.child import serve

    code = 1
    try:
        sys.argv = [""]
        os.dup2(output, 1)
        os.dup2(output, 2)
        confine(connection)
        serve(connection)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
