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
        weakest: the same between the two rows or columns where it is least: low where blocks meet,
            if these were not put right.
        contrast: standard deviation of their pixels, likewise.
    """

    alike: float
    weakest: float
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
    alike = float(ours.mean()) / max(float(theirs.mean()), 1e-6)
    weakest = float((ours / theirs.clamp_min(1e-6)).min())
    contrast = our_spread / max(their_spread, 1e-6)
    return Proof(round(alike, 4), round(weakest, 4), round(contrast, 4))


def _measured(images: Tensor) -> tuple[Tensor, float]:
    """Correlation of each row and column with the next, within images; and contrast."""
    values = images.to(torch.float32)
    values = values - values.mean((2, 3), keepdim=True)
    across = (values[..., 1:] * values[..., :-1]).mean((0, 1, 2))
    down = (values[:, :, 1:] * values[:, :, :-1]).mean((0, 1, 3))
    variance = float(values.square().mean())
    return torch.cat([across, down]) / max(variance, 1e-6), variance**0.5
