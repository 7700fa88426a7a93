"""Whether decrypted images are images at all: those that nothing was learned from must be so too.

Neighbouring pixels of photographs are alike beyond the brightness of the whole image; noise,
however it is permuted, turned or looked up in tables, has nothing of that. Images that are smooth
because little is left of them do not pass either: their contrast is too low.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_ALIKE = 0.5
"""Correlation of neighbours that decrypted images must have, relative to public images."""
CONTRAST = (0.5, 2.0)
"""Their contrast, likewise. On one-time pads the first is below 0.05, whatever was fitted."""


@dataclass(frozen=True)
class Proof:
    """How held-out images compare with public ones.

    Args:
        alike: correlation of their neighbours, relative to that of public images.
        contrast: standard deviation of their pixels, likewise.
    """

    alike: float
    contrast: float

    @property
    def holds(self) -> bool:
        """Whether they are images."""
        return self.alike >= LEAST_ALIKE and CONTRAST[0] <= self.contrast <= CONTRAST[1]


def prove(images: Tensor, public: Tensor) -> Proof:
    """Compare decrypted images that nothing was fitted to with public ones.

    Args:
        images: ``(N, C, H, W)`` uint8.
        public: ``(M, C, H, W)`` uint8.
    """
    (ours, our_spread), (theirs, their_spread) = (_measured(each) for each in (images, public))
    return Proof(round(ours / max(theirs, 1e-6), 4), round(our_spread / max(their_spread, 1e-6), 4))


def _measured(images: Tensor) -> tuple[float, float]:
    """Correlation of neighbours within images, and contrast."""
    values = images.to(torch.float32)
    values = values - values.mean((2, 3), keepdim=True)
    variance = float(values.square().mean())
    across = values[..., 1:] * values[..., :-1]
    down = values[:, :, 1:] * values[:, :, :-1]
    products = float(across.sum() + down.sum()) / max(across.numel() + down.numel(), 1)
    return products / max(variance, 1e-6), variance**0.5
