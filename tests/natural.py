"""Images with what natural ones have: bright tops, a blue cast, alike channels, few highlights."""

from __future__ import annotations

import torch

from ppattack.data.source import ImageSets
from tests.conftest import smooth_images


def natural_images(count: int, size: int = 16, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """``(count, channels, size, size)`` uint8."""
    shared, tint, fine = (
        smooth_images(count, size, 3, 3 * seed + k).float()[:, :channels] / 255 for k in range(3)
    )
    light = 140 * shared[:, :1] ** 2 + torch.linspace(40, 0, size)[:, None]
    warm = torch.tensor([60.0, 20.0, -40.0])[:channels, None, None] * tint[:, :1]
    cast = torch.tensor([-20.0, 10.0, 50.0])[:channels, None, None]
    return (light + warm + cast + 20 * fine + 20).clamp(0, 255).to(torch.uint8)


def natural_sets(victims: int, adversary: int, size: int = 16, channels: int = 3) -> ImageSets:
    """Disjoint images for both sides."""
    images = natural_images(victims + adversary, size, channels=channels)
    return ImageSets("natural", images[:victims].clone(), images[victims:].clone())
