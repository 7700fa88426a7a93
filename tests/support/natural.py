"""Images like natural ones: bright tops, a blue cast, similar channels, few highlights."""

from __future__ import annotations

import numpy as np
import torch

from ppattack.data.source import ImageSets
from tests.conftest import smooth_images


def natural_images(count: int, size: int = 16, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """``(count, channels, size, size)`` uint8."""
    # A part of a larger field: a whole one has no borders, so no place differs from another.
    fields = [smooth_images(count, 2 * size, 3, 3 * seed + k).float() / 255 for k in range(3)]
    shared, tint, fine = (field[:, :channels, :size, :size] for field in fields)
    slope = torch.linspace(40, 0, size)[:, None] + torch.linspace(15, 0, size)
    light = 140 * shared[:, :1] ** 2 + slope
    warm = torch.tensor([60.0, 20.0, -40.0])[:channels, None, None] * tint[:, :1]
    cast = torch.tensor([-20.0, 10.0, 50.0])[:channels, None, None]
    return (light + warm + cast + 20 * fine + 20).clamp(0, 255).to(torch.uint8)


def natural_sets(victims: int, adversary: int, size: int = 16, channels: int = 3) -> ImageSets:
    """Disjoint images for both sides."""
    images = natural_images(victims + adversary, size, channels=channels)
    return ImageSets("natural", images[:victims].clone(), images[victims:].clone())


def either_way(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Each image as it is or mirrored, by chance."""
    drawn = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, len(images))).bool()
    return torch.where(drawn[:, None, None, None], images.flip(3), images)
