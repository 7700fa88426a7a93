"""Whether reconstructions depend on the ciphertexts at all.

A generator that has collapsed turns every ciphertext into the same image. That image has the SSIM
of a constant with each photograph, about 0.09 on CIFAR-10, and published tables give this number
as the strength of a scheme. It says nothing about the scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ppattack.evaluation.statistics import Values

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SPREAD = 2.0
"""Grey levels: reconstructions with a smaller standard deviation over images are all alike."""
CONSTANTS = ("const128", "black", "mean", "class-mean")
"""Blind baselines that are one image for all, or for all of a class."""
SAME_SCORE = 0.02
"""Mean absolute difference of SSIM, image by image, below which two scores are the same: the faint
texture of a collapsed generator costs it about that much."""
SMALL_SHARE = 0.15
"""Share of the plain images' spread. Noise scores like black but spreads widely: no collapse."""
LOOKED_AT = 1024
"""The largest number of images whose spread is measured."""


def spread(images: Tensor) -> float:
    """Standard deviation over images, mean over pixels and channels, in grey levels.

    Args:
        images: ``(N, C, H, W)`` uint8.
    """
    return float(images[:LOOKED_AT].float().std(dim=0, correction=0).mean())


def collapse(
    images: Tensor, plain: Tensor, scores: Values, constants: Mapping[str, Values]
) -> str | None:
    """Why these reconstructions do not depend on the ciphertexts; None if they seem to.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        plain: the images themselves.
        scores: ``(N,)``, SSIM of the reconstructions.
        constants: name to ``(N,)``, SSIM of images that are the same for all.
    """
    found, theirs = spread(images), spread(plain)
    if len(images) < 2 or theirs < LEAST_SPREAD:
        return None
    if found < LEAST_SPREAD:
        return f"the reconstructions differ by {found:.1f} grey levels over the images"
    if found > SMALL_SHARE * theirs:
        return None
    for name, values in constants.items():
        if float(np.abs(scores - values).mean()) < SAME_SCORE:
            return f"image by image the reconstructions score like the constant image '{name}'"
    return None
