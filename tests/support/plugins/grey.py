"""An attack that answers every ciphertext with grey."""

from __future__ import annotations

import torch

from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from tests.support.plugins.returns_ciphertexts import Idle


class Grey(Idle):
    """Returns the constant 128."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Ignore everything."""
        return Recovery(torch.full_like(observation.ciphertexts, 128))
