"""The structural loss against scikit-image, and its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage import metrics
from torch import Tensor

from ppattack.solvers.trained.structural_loss import structural_loss
from tests.conftest import smooth_images

METRICS: Any = metrics


def signed(images: Tensor) -> Tensor:
    return images.double() / 127.5 - 1


def test_it_is_the_absolute_error_and_what_similarity_lacks() -> None:
    x, y = smooth_images(4), smooth_images(8)[4:]
    y = (0.7 * x.double() + 0.3 * y.double()).round().to(torch.uint8)
    similarity = np.mean(
        [
            METRICS.structural_similarity(
                a.numpy(), b.numpy(), channel_axis=0, use_sample_covariance=False
            )
            for a, b in zip(x, y, strict=True)
        ]
    )
    expected = float((x.double() - y.double()).abs().mean() / 255) + 1 - similarity
    found = float(structural_loss(signed(x), signed(y), low=-1.0))
    assert found == pytest.approx(expected, abs=1e-9)
    unsigned = structural_loss(x.double() / 255, y.double() / 255, low=0.0)
    assert float(unsigned) == pytest.approx(expected, abs=1e-9)


def test_equal_images_lose_nothing_and_small_ones_are_taken() -> None:
    x = signed(smooth_images(2))
    assert float(structural_loss(x, x, low=-1.0)) == pytest.approx(0.0, abs=1e-12)
    small = x[..., :3, :5]
    assert float(structural_loss(small, -small, low=-1.0)) > 0.1
