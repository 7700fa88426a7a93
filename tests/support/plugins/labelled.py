"""An attack that reads labels, and one that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Recovery
from ppattack.card import Reference
from ppattack.threat import Observation, ThreatModel

NOWHERE = Reference("nobody", "made for a test", "nowhere", 2026)


class Unlabelled(Attack):
    """Answers grey."""

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    card = AttackCard("unlabelled", "answers grey", NOWHERE, ("images",), ThreatModel("unpaired"))
    presets: ClassVar[Any] = {"smoke": {}, "standard": {}, "paper": {}}

    def positive_control(self, scheme: Any) -> ControlTarget:
        """It fails here too."""
        return ControlTarget("keyless")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Ignore everything."""
        shape = (len(observation.ciphertexts), *observation.image_shape)
        return Recovery(torch.full(shape, 128, dtype=torch.uint8))


class Labelled(Unlabelled):
    """Answers grey, and says which labels it saw."""

    card = AttackCard(
        "labelled", "answers grey", NOWHERE, ("images",), ThreatModel("unpaired", labels=True)
    )

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Note the labels."""
        shape = (len(observation.ciphertexts), *observation.image_shape)
        notes = {
            "classes": list(observation.class_names),
            "labels": len(observation.labels),
            "public labels": len(observation.public_labels),
        }
        return Recovery(torch.full(shape, 128, dtype=torch.uint8), notes=notes)
