"""MSE and PSNR equal scikit-image's; equal images stay finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.metrics
import torch

from ppattack import images as image_ops
from ppattack.metrics import psnr as psnr_module
from ppattack.metrics.psnr import mse, psnr
from tests.support.photographs import random_pairs, real_pairs

scikit_image: Any = skimage.metrics


@pytest.mark.parametrize("size", [8, 32, 224])
def test_equals_scikit_image(size: int) -> None:
    x, y = real_pairs(size, 14)
    pairs = [(a.numpy(), b.numpy()) for a, b in zip(x, y, strict=True)]
    errors = [scikit_image.mean_squared_error(a, b) for a, b in pairs]
    decibels = [scikit_image.peak_signal_noise_ratio(a, b) for a, b in pairs]
    assert np.allclose(mse(x, y), errors, rtol=1e-15, atol=0)
    assert np.allclose(psnr(x, y), decibels, rtol=1e-14, atol=0)


def test_levels_do_not_wrap_around() -> None:
    black, white = (torch.full((1, 3, 4, 4), level, dtype=torch.uint8) for level in (0, 255))
    assert mse(black, white).item() == mse(white, black).item() == 65025
    assert psnr(black, white).item() == 0


def test_equal_images_are_finite_and_nothing_scores_above_them() -> None:
    x = torch.zeros((1, 3, 300, 300), dtype=torch.uint8)
    y = x.clone()
    assert psnr(x, y).item() == 100
    y[0, 0, 0, 0] = 1
    assert mse(x, y).item() == 1 / 270_000
    assert psnr(x, y).item() == 100


def test_rounding_to_bytes_costs_nothing() -> None:
    x, _ = random_pairs(16, 4)
    assert torch.all(psnr(image_ops.from_float(image_ops.to_float(x)), x) == 100)
    barely = image_ops.to_float(x) + 0.49 / 255
    assert torch.all(psnr(image_ops.from_float(barely), x) == 100)


def test_chunks_and_empty_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = random_pairs(8, 7)
    expected = mse(x, y)
    for count in (1, 2, 3, 7, 8):
        monkeypatch.setattr(psnr_module, "CPU_PIXELS", count * 3 * 8 * 8)
        assert torch.equal(mse(x, y), expected)
    assert psnr(x[:0], y[:0]).shape == (0,)
    turned = x.to(memory_format=torch.channels_last), y.mT.contiguous().mT
    assert torch.equal(mse(*turned), expected)


@pytest.mark.parametrize("width", [257, 258, 259, 1001])
def test_the_largest_errors_of_wide_images_are_exact(width: int) -> None:
    black = torch.zeros(1, 1, 2, width, dtype=torch.uint8)
    white = torch.full_like(black, 255)
    white[0, 0, 1, 0] = 254  # an odd sum
    wanted = ((2 * width - 1) * 255**2 + 254**2) / (2 * width)
    assert mse(black, white).item() == wanted
