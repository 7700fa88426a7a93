"""What was found of a release of mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

FEWEST = 2
"""Images from which signs can be told."""
LEAST_AGREEMENT = 10.0
"""Deviations above which groups are real."""


@dataclass(frozen=True)
class Solution:
    """What was found.

    Args:
        images: ``(K, C, H, W)`` float32 in the scale of the mixtures, one for each image found.
        classes: ``(K,)`` their classes; zeros without labels.
        choice: ``(E,)`` for each mixture the image that it most surely and heavily holds.
        real: whether groups found in half of the features agree in the other half.
        notes: JSON-ready facts.
        decryptions: ``(E, C, H, W)`` for each mixture that image, as it is in the mixture.
    """

    images: Tensor
    classes: Tensor
    choice: Tensor
    real: bool
    notes: dict[str, Any]
    decryptions: Tensor

    @classmethod
    def of(
        cls,
        images: Tensor,
        classes: Tensor,
        choice: Tensor,
        agreement: float,
        decryptions: Tensor,
    ) -> Solution:
        """What was found, with what the agreement in deviations says of it."""
        notes = {"images found": len(classes), "agreement in deviations": round(agreement, 1)}
        return cls(images, classes, choice, agreement > LEAST_AGREEMENT, notes, decryptions)
