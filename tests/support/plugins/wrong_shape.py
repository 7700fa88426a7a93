"""An attack that returns images of the wrong size."""

from __future__ import annotations

import torch

from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from tests.support.plugins.returns_ciphertexts import Idle


class WrongShape(Idle):
    """Breaks the contract."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Return 5×5 images."""
        count = len(observation.ciphertexts)
        return Recovery(torch.zeros((count, 3, 5, 5), dtype=torch.uint8))
