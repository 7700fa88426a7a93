from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ppattack.data.source import ImageSets

torch.set_num_threads(1)


def smooth_images(count: int, size: int = 16, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Low-pass noise stretched to full contrast: photograph-like statistics, no file needed."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, channels, size, size))
    blurred = gaussian_filter(noise, sigma=(0, 0.6, size / 10, size / 10), mode="wrap")
    low = blurred.min(axis=(1, 2, 3), keepdims=True)
    high = blurred.max(axis=(1, 2, 3), keepdims=True)
    return torch.from_numpy(((blurred - low) / (high - low) * 255).round().astype(np.uint8))


def smooth_sets(victims: int = 24, adversary: int = 48, size: int = 16, seed: int = 0) -> ImageSets:
    """Disjoint smooth images for both sides."""
    images = smooth_images(victims + adversary, size=size, seed=seed)
    return ImageSets("smooth", images[:victims].clone(), images[victims:].clone())


@pytest.fixture
def sets() -> ImageSets:
    """24 victims, 48 images for the adversary, 16×16 pixels, three channels."""
    return smooth_sets()


def numpy_global_state() -> bytes:
    """The state of NumPy's global generator, which nothing may touch."""
    return bytes(np.random.get_state(legacy=False)["state"]["key"])


@pytest.fixture(autouse=True)
def _the_same_draws_every_time() -> None:
    """Tests that draw from torch's global generator draw the same whatever ran before them."""
    torch.manual_seed(0)
