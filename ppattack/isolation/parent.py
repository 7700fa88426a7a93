"""The parent's side of a confined attack: questions, answers, limits, progress."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from multiprocessing import Pipe
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ppattack import errors
from ppattack.attack import Progress, ProgressTask, SilentProgress
from ppattack.errors import PpattackError, RunFailed
from ppattack.isolation import messages
from ppattack.isolation.confinement import allowed
from ppattack.isolation.fork_server import ConfinedProcess, start
from ppattack.machine import resident_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.request import RunRequest
    from ppattack.target.base import PublicScheme, Target

SECONDS_BETWEEN_LOOKS = 0.05
"""Seconds between two checks of time and memory."""
GIB = 1 << 30


class Child:
    """The process of an attack, and how it is asked.

    Args:
        request: attack, preset, settings and limits.
        target: the scheme; only its public part is passed on.
        output: keeps what the process prints.

    Raises:
        RunFailed: if the process cannot be started.
    """

    def __init__(self, request: RunRequest, target: Target, output: IO[bytes]) -> None:
        self.request, self._target, self._output = request, target, output
        self._connection, theirs = Pipe()
        with theirs:
            try:
                self.process = start(theirs.fileno(), output)
            except OSError as error:
                raise RunFailed(
                    f"attack '{request.attack}' cannot be given a process of its own: {error}"
                ) from None

    def open(self) -> messages.Facts:
        """Load the attack there; what it says of itself."""
        import torch

        facts, _ = self.ask(
            {
                "call": "open",
                "attack": self.request.attack,
                "preset": self.request.preset,
                "settings": dict(self.request.attack_settings),
                "threads": torch.get_num_threads(),
                "environment": allowed(os.environ),
                "folder": str(Path.cwd()),
                "path": [place for place in sys.path if place],
            }
        )
        return facts

    def scheme(self, scheme: PublicScheme) -> messages.Facts:
        """A public scheme as it is sent."""
        ours = scheme.card is self._target.card
        return messages.scheme_facts(scheme, self.request.target if ours else scheme.name)

    def ask(
        self,
        facts: Mapping[str, Any],
        tensors: Mapping[str, Tensor | None] | None = None,
        progress: Progress | None = None,
    ) -> tuple[messages.Facts, messages.Tensors]:
        """Send a question and wait for its answer.

        Raises:
            PpattackError: if the attack raised one.
            RunFailed: if it failed, died, or met a limit.
        """
        shown = _Relay(progress or SilentProgress())
        with _Watch(self.process, self.request) as watch:
            try:
                self._connection.send_bytes(messages.pack(facts, tensors))
                answer, found = messages.unpack(self._connection.recv_bytes())
                while "progress" in answer:
                    shown.show(answer)
                    answer, found = messages.unpack(self._connection.recv_bytes())
            except (EOFError, OSError, ValueError):
                raise self._died(watch) from None
            finally:
                shown.close()
        if "error" in answer:
            raise _error(answer)
        return answer, found

    def _died(self, watch: _Watch) -> RunFailed:
        self.process.kill()
        code = self.process.wait()
        if watch.reason:
            return RunFailed(f"attack '{self.request.attack}' {watch.reason}.")
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return RunFailed(
            f"attack '{self.request.attack}' ended its process (exit code {code}): {last}"
        )

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self.process.kill()
        self.process.wait()


class _Watch:
    """Ends a process that takes too long or too much memory, and knows why."""

    def __init__(self, process: ConfinedProcess, request: RunRequest) -> None:
        self.reason = ""
        self._process, self._request = process, request
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        if self._request.time_limit is not None or self._request.memory_limit is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        start = time.monotonic()
        seconds, gib = self._request.time_limit, self._request.memory_limit
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            if seconds is not None and time.monotonic() - start > seconds:
                self.reason = f"was stopped: it took more than {seconds:g} s (--time-limit)"
            held = resident_bytes(self._process.pid) if gib is not None else None
            if gib is not None and held is not None and held > gib * GIB:
                self.reason = f"was stopped: it held more than {gib:g} GiB (--memory-limit)"
            if self.reason:
                self._process.kill()
                return


class _Relay:
    """Shows the progress of the child's side here."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open: dict[int, tuple[AbstractContextManager[ProgressTask], ProgressTask]] = {}

    def show(self, facts: messages.Facts) -> None:
        """Show one step."""
        kind, number = facts["progress"], facts.get("task", -1)
        if kind == "log":
            self._progress.log(facts["message"])
        elif kind == "open":
            manager = self._progress.task(facts["description"], facts["total"])
            self._open[number] = manager, manager.__enter__()
        elif kind == "update" and number in self._open:
            self._open[number][1].update(facts["completed"], **facts["facts"])
        elif kind == "close" and number in self._open:
            self._open.pop(number)[0].__exit__(None, None, None)

    def close(self) -> None:
        """Remove every bar."""
        while self._open:
            self._open.popitem()[1][0].__exit__(None, None, None)


def _error(answer: messages.Facts) -> Exception:
    """The exception that an answer describes."""
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, PpattackError | RunFailed):
        return kind(answer["message"])
    failed = RunFailed(f"the attack failed: {answer['error']}: {answer['message']}")
    failed.add_note(answer["traceback"])
    return failed
