"""An attack that does nothing: it must break nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
from ppattack.card import Reference
from ppattack.threat import Observation, ThreatModel

NOWHERE = Reference("nobody", "made for a test", "nowhere", 2026)


class Idle(Attack):
    """Returns the ciphertexts."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    card = AttackCard("idle", "does nothing", NOWHERE, ("images",), ThreatModel())
    presets: ClassVar[Any] = {"smoke": {}, "standard": {}, "paper": {}}

    def positive_control(self, scheme: Any) -> ControlTarget:
        """It fails here too."""
        return ControlTarget("keyless")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Do nothing."""
        return Recovery(observation.ciphertexts)


class IdleToo(Idle):
    """Another attack of the same name."""
