"""An attack that reads tokens and answers grey."""

from __future__ import annotations

from dataclasses import replace

import torch

from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from tests.support.plugins.returns_ciphertexts import Idle


class TokenGrey(Idle):
    """Returns the constant 128, of the shape of the plain images."""

    card = replace(Idle.card, name="token-grey", ciphers=("tokens",))

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Ignore everything but how many there are."""
        shape = (len(observation.ciphertexts), *observation.image_shape)
        return Recovery(torch.full(shape, 128, dtype=torch.uint8))
