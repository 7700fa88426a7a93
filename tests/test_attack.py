"""What an attack hands back is checked before anything is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.errors import PluginError
from ppattack.threat import Observation, ThreatModel
from targets.pe import PE
from tests.support.natural import natural_images
from tests.support.probe import Probe

CIPHERTEXTS = natural_images(3, 32)


class Told(Probe):
    """Hands back what a test says."""

    def __init__(self, **told: Any) -> None:
        super().__init__(ThreatModel())
        self._told = told

    def run(self, observation: Observation, context: Context) -> Recovery:
        return Recovery(observation.ciphertexts, **self._told)


def _recovery(**told: Any) -> Recovery:
    seen = Observation(
        threat=ThreatModel(),
        scheme=PE().public(),
        ciphertexts=CIPHERTEXTS,
        image_shape=(3, 32, 32),
    )
    return Told(**told)(seen, Context(torch.device("cpu"), seed=0))


@pytest.mark.parametrize(
    "told",
    [
        {"notes": {"loss": torch.tensor(1.0)}},
        {"notes": {"losses": np.zeros(2)}},
        {"failures": {3: "why"}},
        {"failures": {-1: "why"}},
        {"failures": {"first": "why"}},
        {"failures": {0: None}},
    ],
)
def test_what_no_report_can_hold_is_a_defect_of_the_attack(told: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="attack 'probe' returned (notes that|the failure)"):
        _recovery(**told)


def test_what_a_report_can_hold_is_kept() -> None:
    found = _recovery(notes={"loss": [1.5, None]}, failures={np.int64(2): "why"})
    assert (found.notes, dict(found.failures)) == ({"loss": [1.5, None]}, {2: "why"})
