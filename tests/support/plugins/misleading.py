"""Attacks that describe themselves as they must not, and a target that only its user may load."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.attack import ControlTarget
from targets.pe import PE
from tests.support.plugins.returns_ciphertexts import Idle

with Path(os.environ.get("TMPDIR", "/tmp")).joinpath("loaded-misleading").open("a") as _file:
    _file.write(f"{os.getpid()}\n")

NAME = Path("card-name")


class Misnamed(Idle):
    """Has the name that a file in its folder holds."""

    card = replace(Idle.card, name=NAME.read_text("utf-8") if NAME.exists() else "misnamed")


class Own(PE):
    """A target beside the attack."""


class OwnPositive(Idle):
    """Names a file as its positive control."""

    def positive_control(self, scheme: Any) -> ControlTarget:
        """The target above."""
        return ControlTarget(f"{__file__}:Own")


class OwnNegative(Idle):
    """Names a file as its negative control."""

    def negative_control(self) -> ControlTarget:
        """The target above."""
        return ControlTarget(f"{__file__}:Own")


class Untyped(Idle):
    """Asks for half a pair."""

    def requires(self) -> Any:
        """A threat model that is none."""
        return replace(self.card.requires, pairs="many")  # type: ignore[arg-type]
