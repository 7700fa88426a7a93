"""Attacks that try to draw the victims' key anew, and one that stops half-way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ppattack import seeding
from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from targets.pe import PE
from tests.support.plugins.returns_ciphertexts import Idle


class Guessing(Idle):
    """Tries small seeds of the run, and decrypts with the key that follows from the right one."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Guess."""
        ciphertexts = observation.ciphertexts
        target: Any = PE(PE.Config())
        for seed in range(100):
            if seeding.derive(seed, "attack") == context.seed:
                rng = seeding.numpy_stream(seed, "key")
                key = target.generate_key(rng, tuple(ciphertexts.shape[1:]))
                return Recovery(target.decrypt(ciphertexts, key))
        return Recovery(torch.full_like(ciphertexts, 128))


class HalfWay(Idle):
    """Leaves a checkpoint and has the run interrupted, once; says what it sees of its folder."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Stop once."""
        if context.checkpoints is None:  # a control
            return Recovery(observation.ciphertexts)
        mark = context.checkpoints / "half-way"
        seen = sorted(path.name for path in context.checkpoints.parent.rglob("*") if path.is_file())
        if not mark.exists():
            context.checkpoints.mkdir(parents=True, exist_ok=True)
            mark.write_text("x")
            os.kill(int(Path("parent").read_text()), 2)
            context.progress.log("interrupted")
        return Recovery(observation.ciphertexts, notes={"seen": seen})
