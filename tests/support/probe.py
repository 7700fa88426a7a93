"""An attack that gives back what a function finds in what it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ppattack.attack import Attack, AttackCard, Context, Recovery
from ppattack.card import Reference
from ppattack.threat import Observation, ThreatModel

NOWHERE = Reference("nobody", "made for a test", "nowhere", 2026)


class Probe(Attack):
    """Gives back what a function finds in the observation."""

    @dataclass(frozen=True)
    class Config:
        pass

    presets: ClassVar[Any] = {"smoke": {}, "standard": {}, "paper": {}}
    card = AttackCard("probe", "for tests", NOWHERE, ("images",), ThreatModel())

    def __init__(self, needs: ThreatModel, reach: Any = None) -> None:
        super().__init__()
        self._needs = needs
        self._reach = reach

    def requires(self) -> ThreatModel:
        return self._needs

    def choose_plaintexts(self, scheme: Any, image_shape: tuple[int, int, int]) -> Any:
        return torch.zeros((self._needs.chosen, *image_shape), dtype=torch.uint8)

    def run(self, observation: Observation, context: Context) -> Recovery:
        found = self._reach(observation) if self._reach else None
        return Recovery(observation.ciphertexts, notes={"found": found})
