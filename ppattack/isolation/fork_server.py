"""Processes for confined attacks, born of one that has loaded the libraries and seen nothing else.

Starting Python with torch takes seconds, a fork takes milliseconds. So the first attack that is to
be confined starts a nursery: a process that imports what every attack needs, is told nothing, and
forks for each attack. Between two attacks nothing passes: each has a copy of the nursery.
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

FORKS = sys.platform == "linux"
"""Elsewhere a process that has loaded torch may break when it forks: there each is started anew."""
_MESSAGE = struct.Struct("=ci")
_BIRTH, _END = b"b", b"e"
_LOCK = threading.Lock()
_nurseries: dict[int, _Nursery] = {}


class Confined(Protocol):
    """A process that an attack is confined to."""

    @property
    def pid(self) -> int:
        """Its number."""

    def kill(self) -> None:
        """End it."""

    def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that ended it."""


def confined(connection: int, output: IO[bytes]) -> Confined:
    """A process that answers at a connection; see ``confined.live``.

    Args:
        connection: file descriptor of its end.
        output: where what it prints goes.

    Raises:
        OSError: where it cannot be started.
    """
    if not FORKS:
        return _started("isolation.child", connection, output)
    with _LOCK:
        for last in (False, True):
            nursery = _nurseries.get(os.getpid()) or _Nursery()
            _nurseries[os.getpid()] = nursery
            try:
                return nursery.birth(connection, output)
            except OSError:  # it was killed
                _nurseries.pop(os.getpid()).close()
                if last:
                    raise
    raise AssertionError  # never reached


def close() -> None:
    """End the nursery of this process, if there is one; the next attack starts another."""
    with _LOCK:
        nursery = _nurseries.pop(os.getpid(), None)
    if nursery is not None:
        nursery.close()


def _started(module: str, handle: int, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """A new Python that runs the ``main`` of a module with a file descriptor."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", f"from ppattack.{module} import main; main()", str(handle)],
        pass_fds=(handle,),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


class _Nursery:
    """The nursery of this process, as it is asked."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._process = _started("isolation.fork_server", theirs.fileno(), subprocess.DEVNULL)
        theirs.close()
        atexit.register(self.close)

    def birth(self, connection: int, output: IO[bytes]) -> _Born:
        message = _MESSAGE.pack(_BIRTH, 0)
        socket.send_fds(self._control, [message], [connection, output.fileno()])
        return _Born(self, self._answer())

    def end(self, pid: int) -> int:
        """Wait for one to end: its exit code."""
        self._control.sendall(_MESSAGE.pack(_END, pid))
        return self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(_MESSAGE.size, socket.MSG_WAITALL)
        if len(answer) < _MESSAGE.size:
            raise BrokenPipeError("the nursery has ended")
        return int(_MESSAGE.unpack(answer)[1])

    def close(self) -> None:
        """End it, and with it whoever is left."""
        atexit.unregister(self.close)
        self._control.close()
        self._process.kill()
        self._process.wait()


class _Born:
    """A process that a nursery has given birth to."""

    def __init__(self, nursery: _Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self._code: int | None = None

    def kill(self) -> None:
        # The nursery keeps its number until it is asked how it ended.
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self._code is None:
            with _LOCK:
                try:
                    self._code = self._nursery.end(self.pid)
                except OSError:
                    self._code = -signal.SIGKILL  # they end with the nursery
        return self._code


def main() -> None:
    """Be a nursery until the other side closes the socket, whose number is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks decides
    control = socket.socket(fileno=int(sys.argv[1]))
    _load()
    while True:
        message, handles, _, _ = socket.recv_fds(control, _MESSAGE.size, 2)
        if len(message) < _MESSAGE.size:
            return
        kind, pid = _MESSAGE.unpack(message)
        if kind == _END:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            control.sendall(_MESSAGE.pack(kind, code))
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            _live(*handles)
        for handle in handles:
            os.close(handle)
        control.sendall(_MESSAGE.pack(kind, pid))


def _load() -> None:
    """Import what every attack needs; nothing is computed, so that there are no other threads."""
    import safetensors.numpy
    import torch

    from ppattack import permxor, request
    from ppattack.isolation import child as answers
    from ppattack.target import public_scheme

    del safetensors, torch, answers, permxor, public_scheme, request


def _live(connection: int, output: int) -> Any:
    """The life of a child."""
    from ppattack.isolation.child import live

    code = 1
    try:
        sys.argv = [""]
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        live(connection)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
