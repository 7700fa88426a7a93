"""Mean squared error and peak signal-to-noise ratio."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ppattack.metrics.pairs import check_pair, chunks

PEAK = 255.0
CAP_DB = 100.0
"""PSNR of equal images, finite for the sake of means and JSON. No higher value is reported."""
EXACT_UP_TO = 258
"""Squared errors of grey levels whose sum is exact in single precision: below 2^24."""
CPU_PIXELS = 1 << 17
GPU_PIXELS = 1 << 24


def mse(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of each pair of images, over pixels and channels.

    Args:
        x: ``(N, C, H, W)`` uint8 on any device.
        y: same shape and device.

    Returns:
        ``(N,)`` float64 on the device of x, 0..65025, squared grey levels; exact.

    Raises:
        ImageError: for images that break the convention or differ in shape.
    """
    check_pair(x, y)
    size = math.prod(x.shape[1:])
    of_rows = torch.float32 if x.shape[3] <= EXACT_UP_TO else torch.float64
    errors = torch.empty(len(x), dtype=torch.float64, device=x.device)
    budget = CPU_PIXELS if x.device.type == "cpu" else GPU_PIXELS
    for part in chunks(len(x), budget // size):
        squares = x[part].float().sub_(y[part]).square_()
        rows = squares.sum(dim=3, dtype=of_rows)
        errors[part] = rows.sum(dim=(1, 2), dtype=torch.float64)
    return errors.div_(size)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each pair of images, dB, for a peak of 255.

    Args:
        x: ``(N, C, H, W)`` uint8 on any device.
        y: same shape and device.

    Returns:
        ``(N,)`` float64 on the device of x, 0..100 dB.

    Raises:
        ImageError: for images that break the convention or differ in shape.

    Deviations: equal images have infinite PSNR; here they, and the few pairs above it, score
        ``CAP_DB``.
    """
    return psnr_of_mse(mse(x, y))


def psnr_of_mse(errors: Tensor) -> Tensor:
    """PSNR in dB from mean squared errors."""
    return (10.0 * torch.log10(PEAK**2 / errors)).clamp_(max=CAP_DB)
