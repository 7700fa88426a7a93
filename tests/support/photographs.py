"""Pairs of images to score: random ones, and photographs with what recovery does to them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from torch import Tensor

PHOTOS: Any = skimage.data


@cache
def photo(name: str) -> NDArray[np.uint8]:
    """A photograph that ships inside scikit-image, ``(H, W, 3)``."""
    found: NDArray[np.uint8] = getattr(PHOTOS, name)()
    return found


def as_batch(image: NDArray[np.uint8]) -> Tensor:
    """``(H, W, 3)`` to ``(1, 3, H, W)``."""
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy())


def random_pairs(size: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Uniform noise, and the same, changed by anything from nothing to everything."""
    rng = np.random.default_rng([seed, size])
    x = rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    other = rng.integers(0, 256, x.shape, dtype=np.uint8)
    share = np.linspace(0, 1, count).reshape(-1, 1, 1, 1)
    y = np.where(rng.random(x.shape) < share, other, x)
    return torch.from_numpy(x), torch.from_numpy(y)


def real_pairs(size: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Crops of photographs, and noisy, shifted, quantised, inverted, flat or foreign versions."""
    rng = np.random.default_rng([seed, size])
    names = ("astronaut", "coffee", "chelsea")
    x, y = (np.empty((count, 3, size, size), np.uint8) for _ in range(2))
    for i in range(count):
        crop = _crop(photo(names[i % 3]), size, rng)
        x[i] = crop
        noisy = np.clip(crop + rng.normal(0, 20, crop.shape), 0, 255).astype(np.uint8)
        y[i] = (
            noisy,
            np.roll(crop, 1, axis=1),
            crop >> 4 << 4,
            255 - crop,
            np.full_like(crop, crop.mean()),
            _crop(photo(names[(i + 1) % 3]), size, rng),
            np.clip(crop.astype(int) * 3 - 256, 0, 255).astype(np.uint8),
        )[i % 7]
    return torch.from_numpy(x), torch.from_numpy(y)


def _crop(image: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    top, left = (int(rng.integers(edge - size + 1)) for edge in image.shape[:2])
    return image[top : top + size, left : left + size].transpose(2, 0, 1)
