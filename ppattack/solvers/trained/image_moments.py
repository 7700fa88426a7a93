"""First and second moments of photographs, coarse and fine, and the distance to them.

A generator that rearranges its input has learnt something if its images have the means and
covariances of photographs. The adversary needs public images for it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

COARSE = 8
"""Edge of the thumbnails whose mean and covariance are compared: the layout of a photograph."""
FINE = 4
"""Edge of the patches, of every other pixel, whose covariance is compared: its smoothness."""


@dataclass(frozen=True)
class ImageMoments:
    """Moments of a set of images.

    Args:
        mean: that of the thumbnails, ``(C · 64,)``.
        coarse: their covariance.
        fine: second moments of the patches, ``(C · 16, C · 16)``.
    """

    mean: Tensor
    coarse: Tensor
    fine: Tensor

    def to(self, device: torch.device) -> ImageMoments:
        """The same moments on a device."""
        return ImageMoments(self.mean.to(device), self.coarse.to(device), self.fine.to(device))

    def distance(self, other: ImageMoments) -> Tensor:
        """How far another set's moments are from these, as shares of these; 0 if equal."""
        total = self.mean.new_zeros(())
        for own, theirs in (
            (self.mean, other.mean),
            (self.coarse, other.coarse),
            (self.fine, other.fine),
        ):
            total = total + (own - theirs).square().sum() / own.square().sum().clamp_min(1e-12)
        return total


def thumbnails(images: Tensor) -> Tensor:
    """``(N, C, 8, 8)`` of ``(N, C, H, W)`` float images."""
    return functional.adaptive_avg_pool2d(images, COARSE)


def image_moments(images: Tensor) -> ImageMoments:
    """Moments of a batch.

    Args:
        images: ``(N, C, H, W)`` float in [-1, 1], N > 1, of at least 8 × 8 pixels.
    """
    images = images.float()
    small = thumbnails(images).flatten(1)
    mean = small.mean(dim=0)
    centred = small - mean
    patches = functional.unfold(images, FINE, stride=FINE // 2).transpose(1, 2).flatten(0, 1)
    return ImageMoments(
        mean, centred.T @ centred / (len(images) - 1), patches.T @ patches / len(patches)
    )


def moments_of_many(images: Tensor, most: int = 4096) -> ImageMoments:
    """The same for ``(N, C, H, W)`` uint8 images, only the first ``most`` of them."""
    with torch.no_grad():
        return image_moments(images[:most].float() / 127.5 - 1)
