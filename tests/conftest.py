"""What every test finds: one thread, the same draws, and images that are made once."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["PPATTACK_CACHE"] = "off"  # a test that wants one has one of its own

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ppattack.data.digits import Digits
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.identify import jpeg_lessons

torch.set_num_threads(1)
pytest.register_assert_rewrite("tests.support")
jpeg_lessons.NUMBER = 60  # files of each kind: a fifth of the time, and of the accuracy some

_smooth: dict[tuple[int, int, int], torch.Tensor] = {}
"""The images made so far: the first ones are the same for every count."""


def smooth_images(count: int, size: int = 16, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Low-pass noise stretched to full contrast: photograph-like statistics, no file needed."""
    kind = size, channels, seed
    if kind not in _smooth or len(_smooth[kind]) < count:
        _smooth[kind] = _made(count, size, channels, seed)
    return _smooth[kind][:count].clone()


def _made(count: int, size: int, channels: int, seed: int) -> torch.Tensor:
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


@pytest.fixture(scope="session")
def _loaded() -> dict[Any, ImageSets]:
    """The images that were loaded so far."""
    return {}


@pytest.fixture(autouse=True)
def _built_in_images_are_loaded_once(_loaded: dict[Any, ImageSets]) -> Iterator[None]:
    """Tests of other things need not decode the same photographs and digits again and again."""
    with pytest.MonkeyPatch.context() as patch:
        for source in (Photos, Digits):
            patch.setattr(source, "load", _once(source.load, _loaded))
        yield


def _once(
    load: Callable[[Any, ImageRequest], ImageSets], loaded: dict[Any, ImageSets]
) -> Callable[[Any, ImageRequest], ImageSets]:
    def remembered(source: Any, request: ImageRequest) -> ImageSets:
        asked = type(source), request
        if asked not in loaded:
            loaded[asked] = load(source, request)
        return deepcopy(loaded[asked])

    return remembered
