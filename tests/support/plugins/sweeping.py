"""Attacks for sweeps: quick ones, failing ones, greedy ones and a curious one."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import torch

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
from ppattack.card import Reference
from ppattack.errors import DataError
from ppattack.threat import Observation, ThreatModel

NOWHERE = Reference("nobody", "made for a test", "nowhere", 2026)


class Grey(Attack):
    """Answers every ciphertext with grey."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    card = AttackCard("grey", "answers grey", NOWHERE, ("images",), ThreatModel())
    presets: ClassVar[Any] = {"smoke": {}, "standard": {}, "paper": {}}

    def positive_control(self, scheme: Any) -> ControlTarget:
        """It fails here too."""
        return ControlTarget("keyless")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Ignore everything."""
        with context.progress.task("thinking", 2) as task:
            task.update(1, loss=0.5)
        context.progress.log("nothing found")
        shape = (len(observation.ciphertexts), *observation.image_shape)
        notes = {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}
        return Recovery(torch.full(shape, 128, dtype=torch.uint8), notes=notes)


class Broken(Grey):
    """Fails as plug-ins fail."""

    card = AttackCard("broken", "fails", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Fail."""
        raise TypeError("unsupported operand")


class Refusing(Grey):
    """Fails as ppattack fails."""

    card = AttackCard("refusing", "refuses", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Refuse."""
        raise DataError("these ciphertexts are too small.")


class Dying(Grey):
    """Takes its process with it: always, or as long as a file named by DIES_WHILE exists."""

    card = AttackCard("dying", "dies", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Die."""
        place = os.environ.get("DIES_WHILE")
        if place is None or Path(place).exists():
            if place is not None:
                Path(place).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(observation, context)


class Sleeping(Grey):
    """Takes a minute."""

    card = AttackCard("sleeping", "sleeps", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Sleep."""
        time.sleep(60)
        return super().run(observation, context)


class Napping(Grey):
    """Leaves its process id in a file and sleeps until it is killed; the next time it works."""

    card = AttackCard("napping", "naps once", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Sleep once."""
        if context.checkpoints is not None:
            place = Path(tempfile.gettempdir()) / f"{context.checkpoints.name}.napped"
            if not place.exists():
                place.write_text(str(os.getpid()))
                time.sleep(120)
            place.unlink()
        return super().run(observation, context)


class Greedy(Grey):
    """Takes all memory up to 16 GiB, slowly enough to be seen."""

    card = AttackCard("greedy", "eats memory", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Eat."""
        held = []
        for _ in range(256):
            held.append(bytearray(os.urandom(1 << 20) * 64))
            time.sleep(0.02)
        return super().run(observation, context)


class Adding(Grey):
    """Has workers count its ciphertexts."""

    card = AttackCard("adding", "adds up", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Count them in two parts."""
        parts = [each.numpy() for each in observation.ciphertexts.chunk(2)]
        counts = list(context.workers.map(len, parts))
        notes = {"sum": sum(counts), "workers": context.workers.count}
        return Recovery(super().run(observation, context).images, notes=notes)


class Leaving(Grey):
    """Leaves something behind in its process, and says what it found there."""

    card = AttackCard("leaving", "leaves traces", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Look, then leave a trace."""
        notes = {
            "found": hasattr(torch, "left_behind"),
            "variable": os.environ.get("SEEN_THERE"),
            "folder": str(Path.cwd()),
        }
        torch.left_behind = True  # type: ignore[attr-defined]
        os.environ["SEEN_THERE"] = "left behind"
        return Recovery(super().run(observation, context).images, notes=notes)


class Curious(Grey):
    """Looks for keys and plain images wherever Python keeps things, and says what it found."""

    card = AttackCard(
        "curious", "looks around", NOWHERE, ("images",), ThreatModel(public="unpaired", chosen=1)
    )

    def choose_plaintexts(self, scheme: Any, image_shape: Any) -> torch.Tensor:
        """Where a key or a truth can be reached, white; else black."""
        found = len(_secrets(_objects())) > 0
        return torch.full((1, *image_shape), 255 if found else 0, dtype=torch.uint8)

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Look again, at the observation's own tensors less."""
        own = {
            each.data_ptr()
            for each in (
                observation.ciphertexts,
                observation.public_images,
                *observation.chosen_pairs,
            )
        }
        objects = _objects()
        stacks = [
            each
            for each in objects
            if isinstance(each, torch.Tensor) and each.ndim == 4 and each.data_ptr() not in own
        ]
        seen = int(observation.chosen_pairs[0].max())
        notes = {
            "secrets": _secrets(objects),
            "stacks": len(stacks),
            "seen while choosing": seen,
            "arguments": sys.argv,
            "modules": [name for name in sys.modules if name.startswith("ppattack.runs.run")],
        }
        return Recovery(super().run(observation, context).images, notes=notes)


def _objects() -> list[Any]:
    """Everything that the collector knows, and what the frames hold."""
    frame: FrameType | None = sys._getframe()
    held: list[Any] = []
    while frame is not None:
        held.extend(frame.f_locals.values())
        frame = frame.f_back
    deep = list(gc.get_objects())
    return held + deep + [part for each in deep for part in _parts(each)]


def _parts(each: Any) -> list[Any]:
    return list(gc.get_referents(each)) if isinstance(each, dict | tuple | list) else []


def _secrets(objects: list[Any]) -> list[str]:
    kinds = ("Key", "Truth", "Scenario", "RunRequest", "ImageSets")
    return sorted({type(each).__name__ for each in objects} & set(kinds))


class Spawning(Grey):
    """Leaves processes behind, one in a session of its own, and says what its system gave it."""

    card = AttackCard("spawning", "spawns", NOWHERE, ("images",), ThreatModel())

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Spawn."""
        script = "import os, time\nos.fork()\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
        words = [sys.executable, "-S", "-c", script]
        pids = []
        for away in (False, True):
            process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=away)
            assert process.stdout is not None
            pids += [int(process.stdout.readline()) for _ in range(2)]
            process.stdout.close()
            if away:
                process.kill()  # its child is an orphan
        notes = {
            "pids": pids,
            "environment": sorted(os.environ),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())) - 1,
            "leads its session": os.getsid(0) == os.getpid(),
            "umask": os.umask(0),
        }
        return Recovery(super().run(observation, context).images, notes=notes)
