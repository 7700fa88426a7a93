"""An attack in a process of its own, which is sent the observation and nothing else.

The plug-in's file is loaded there and nowhere else; here stands an attack that asks it. Keys,
plain images and seeds of the victims are never in that process. It is a guard against attacks
that look where they must not, by mistake or to look good; against one that reads the files or
other processes of its user only the operating system guards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import make_dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from ppattack import errors, registry, wire
from ppattack.attack import (
    Attack,
    AttackCard,
    Context,
    ControlTarget,
    Progress,
    ProgressTask,
    Recovery,
    SilentProgress,
)
from ppattack.card import Reference
from ppattack.errors import PpattackError, RunFailed
from ppattack.processes import resident_bytes
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.public_scheme import PublicScheme
    from ppattack.request import RunRequest
    from ppattack.target import ImageShape, Target

SECONDS_BETWEEN_LOOKS = 0.05
"""How often time and memory are looked at."""
GIB = 1 << 30
_START = "from ppattack.confined import main; main()"


def isolated_by_default(attack: str) -> bool:
    """Whether an attack comes from elsewhere than this package."""
    return registry.is_third_party("attack", attack)


@contextmanager
def isolated(request: RunRequest, target: Target) -> Iterator[IsolatedAttack]:
    """The attack of a request, in its own process until the end of the block.

    Args:
        request: attack, preset, settings and limits.
        target: the scheme; only its public part is passed on.

    Raises:
        PpattackError: whatever the attack's settings have wrong.
        RunFailed: where the process cannot be started.
    """
    import torch

    with tempfile.TemporaryFile() as output:
        child = _Child(request, target, output)
        try:
            facts, _ = child.ask(
                {
                    "call": "open",
                    "attack": request.attack,
                    "preset": request.preset,
                    "settings": dict(request.attack_settings),
                    "threads": torch.get_num_threads(),
                }
            )
            yield _proxy(child, facts)
        finally:
            child.close()


class _Child:
    """The other process, and how it is asked."""

    def __init__(self, request: RunRequest, target: Target, output: Any) -> None:
        self._request, self._target, self._output = request, target, output
        self._connection, theirs = Pipe()
        handle = theirs.fileno()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", _START, str(handle)],
            pass_fds=(handle,),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        theirs.close()

    def scheme(self, scheme: PublicScheme) -> wire.Facts:
        """A public scheme as it is sent."""
        ours = scheme.card is self._target.card
        return wire.scheme_facts(scheme, self._request.target if ours else scheme.name)

    def ask(
        self,
        facts: Mapping[str, Any],
        tensors: Mapping[str, Tensor | None] | None = None,
        progress: Progress | None = None,
    ) -> tuple[wire.Facts, wire.Tensors]:
        """Send a question and wait for its answer.

        Raises:
            PpattackError: that the attack raised.
            RunFailed: where it failed, died, or met a limit.
        """
        shown = _Relay(progress or SilentProgress())
        with _Watch(self._process, self._request) as watch:
            try:
                self._connection.send_bytes(wire.pack(facts, tensors))
                answer, found = wire.unpack(self._connection.recv_bytes())
                while "progress" in answer:
                    shown.show(answer)
                    answer, found = wire.unpack(self._connection.recv_bytes())
            except (EOFError, OSError, ValueError):
                raise self._died(watch) from None
            finally:
                shown.close()
        if "error" in answer:
            raise _error(answer)
        return answer, found

    def _died(self, watch: _Watch) -> RunFailed:
        self._process.kill()
        code = self._process.wait()
        if watch.reason:
            return RunFailed(f"attack '{self._request.attack}' {watch.reason}.")
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return RunFailed(
            f"attack '{self._request.attack}' ended its process (exit code {code}): {last}"
        )

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


class _Watch:
    """Ends a process that takes too long or too much memory, and knows why."""

    def __init__(self, process: subprocess.Popen[bytes], request: RunRequest) -> None:
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
    """Shows here the progress of there."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open: dict[int, tuple[AbstractContextManager[ProgressTask], ProgressTask]] = {}

    def show(self, facts: wire.Facts) -> None:
        """One step of it."""
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
        """Take every bar away."""
        while self._open:
            self._open.popitem()[1][0].__exit__(None, None, None)


class IsolatedAttack(Attack):
    """An attack that is asked in its own process; see :func:`isolated`."""

    def __init__(self, child: _Child, facts: wire.Facts) -> None:
        self._child, self._facts = child, facts
        self._number = facts["number"]
        self.config = type(self).Config(**facts["config"])

    @property
    def source_hash(self) -> str:
        """Of the plug-in's file."""
        return str(self._facts["source_hash"])

    def requires(self) -> ThreatModel:
        """See :meth:`Attack.requires`."""
        return ThreatModel(**self._facts["requires"])

    def welcomes_public_images(self) -> bool:
        """See :meth:`Attack.welcomes_public_images`."""
        return bool(self._facts["welcomes_public_images"])

    def negative_control(self) -> ControlTarget:
        """See :meth:`Attack.negative_control`."""
        return ControlTarget(**self._facts["negative_control"])

    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """See :meth:`Attack.positive_control`."""
        found = self._ask("positive_control", scheme)[0]["control"]
        return ControlTarget(**found) if found else None

    def at_control_budget(self) -> Attack:
        """See :meth:`Attack.at_control_budget`."""
        return _proxy(self._child, self._ask("at_control_budget")[0])

    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """See :meth:`Attack.obstacle`."""
        found: str | None = self._ask("obstacle", scheme, shape=image_shape)[0]["reason"]
        return found

    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        """See :meth:`Attack.choose_plaintexts`."""
        return self._ask("choose_plaintexts", scheme, shape=image_shape)[1].get("chosen")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """See :meth:`Attack.run`."""
        facts, tensors = wire.observation_parts(observation)
        question = {
            **facts,
            "call": "run",
            "number": self._number,
            "scheme": self._child.scheme(observation.scheme),
            "device": str(context.device),
            "seed": context.seed,
            "checkpoints": str(context.checkpoints) if context.checkpoints else None,
            "pictures": str(context.pictures) if context.pictures else None,
        }
        return wire.recovery_of(*self._child.ask(question, tensors, context.progress))

    def _ask(
        self, call: str, scheme: PublicScheme | None = None, **facts: Any
    ) -> tuple[wire.Facts, wire.Tensors]:
        public = self._child.scheme(scheme) if scheme is not None else None
        return self._child.ask({"call": call, "number": self._number, "scheme": public, **facts})


def _proxy(child: _Child, facts: wire.Facts) -> IsolatedAttack:
    """An attack like the one that is described."""
    said = facts["card"]
    parts: dict[str, Any] = {
        "card": AttackCard(
            name=said["name"],
            title=said["title"],
            reference=Reference(**said["reference"]),
            recovers=tuple(said["recovers"]),
            requires=ThreatModel(**said["requires"]),
            ciphers=tuple(said["ciphers"]),
        ),
        "Config": make_dataclass("Config", list(facts["config"]), frozen=True),
        "presets": {},
    }
    made: IsolatedAttack = type("IsolatedAttack", (IsolatedAttack,), parts)(child, facts)
    return made


def _error(answer: wire.Facts) -> Exception:
    """The exception that an answer speaks of."""
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, PpattackError | RunFailed):
        return kind(answer["message"])
    failed = RunFailed(f"the attack failed: {answer['error']}: {answer['message']}")
    failed.add_note(answer["traceback"])
    return failed
