"""Guesses at how a candidate differs from the image that was encrypted, to be undone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.data.alterations import DIRECTIONS, brighter, shifted

WHITE = 255
GAINS = (0.8, 0.84, 0.88, 0.91, 0.94, 0.97, 1.03, 1.06, 1.1, 1.14, 1.19, 1.25)
"""Gains that are tried on candidates."""


@dataclass(frozen=True)
class View:
    """A candidate moved by pixels, or brighter."""

    down: int = 0
    right: int = 0
    gain: float = 1.0

    def __call__(self, images: Tensor) -> Tensor:
        """The candidates ``(M, C, H, W)`` with the difference undone."""
        if self.down or self.right:
            images = shifted(images, self.down, self.right)
        if self.gain == 1.0:
            return images
        seen = brighter(images, self.gain)
        # White stays white: a copy that was made brighter was cut there, and so was most of what
        # is white in it before.
        return seen if self.gain > 1 else torch.where(images == WHITE, images, seen)


VIEWS = (View(), *(View(*step) for step in DIRECTIONS), *(View(gain=gain) for gain in GAINS))
"""The candidate as it is comes first."""
