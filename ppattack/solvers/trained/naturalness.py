"""How natural a set of reconstructions is, judged by what public images look like."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ppattack.errors import DataError
from ppattack.solvers.trained.image_moments import moments_of_many, thumbnails

DECISIVE = 3.0
"""Standard errors by which negatives must be more natural for images to be complemented."""
RIDGE = 1e-3
"""Share of the thumbnails' variance added to it, so that flat images have an inverse covariance."""


class Naturalness:
    """Public images, as a measure of reconstructions.

    A generator that makes good negatives is as hard to tell from one that makes good images as
    negatives are from photographs, patch by patch. It has learnt the histograms and textures of
    photographs all the same. What it cannot have learnt block by block is which parts of a
    photograph are bright: the mean of all reconstructions shows that.

    Args:
        public: ``(M, C, H, W)`` uint8, M > 1.

    Raises:
        DataError: if there are fewer.
    """

    def __init__(self, public: Tensor) -> None:
        if len(public) < 2:
            raise DataError(
                f"{len(public)} public images do not show what images have in common: give the "
                "adversary 2 or more."
            )
        self.moments = moments_of_many(public)
        layout = _layout(public)
        covariance = torch.cov(layout.T)
        covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
        self._weights = torch.linalg.solve(covariance, layout.mean(dim=0))

    def upright(self, images: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """The images, or all their complements if those are clearly more natural.

        Args:
            images: ``(N, C, H, W)`` uint8.

        Returns:
            the images, and notes: ``complemented``, and ``complement_certainty``, in standard
            errors; below zero the images themselves are more natural.
        """
        against = -_layout(images.cpu()) @ self._weights
        error = float(against.std()) / len(images) ** 0.5 if len(images) > 1 else 0.0
        certainty = float(against.mean()) / error if error > 0 else 0.0
        negative = certainty > DECISIVE
        notes = {"complemented": negative, "complement_certainty": round(certainty, 1)}
        return (255 - images if negative else images), notes

    def distance(self, images: Tensor) -> float:
        """How far the moments of upright images are from those of public ones; 0 if equal."""
        upright, _ = self.upright(images)
        return float(self.moments.distance(moments_of_many(upright.cpu())))


def _layout(images: Tensor) -> Tensor:
    """Thumbnails without the mean of each channel over all images, ``(N, C · 64)`` float64."""
    small = thumbnails(images.float() / 127.5 - 1).double()
    return (small - small.mean(dim=(0, 2, 3), keepdim=True)).flatten(1)
