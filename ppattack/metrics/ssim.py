"""SSIM, the structural similarity, in the two variants that the literature confuses.

Both compare the means, variances and covariance of windows of the two images::

    (2 E[x] E[y] + c1) (2 cov(x, y) + c2)
    ---------------------------------------------------
    (E[x]² + E[y]² + c1) (var(x) + var(y) + c2)

so the windowed means of four planes suffice: x, y, x y and x² + y². Under uniform weights
everything up to this ratio is integer arithmetic, hence exact.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics.pairs import check_pair, chunks

Variant = Literal["skimage", "wang2004"]
WINDOW: dict[Variant, int] = {"skimage": 7, "wang2004": 11}
"""Edge of the window, pixels: the smallest possible image edge."""
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
SIGMA = 1.5
CPU_PIXELS = 1 << 16
"""Pixels of one channel processed at a time on a CPU; the working set must stay in the cache."""
GPU_PIXELS = 1 << 22


def ssim(x: Tensor, y: Tensor, *, variant: Variant = "skimage", exact: bool = False) -> Tensor:
    """Structural similarity of each pair of images, averaged over pixels and channels.

    Args:
        x: ``(N, C, H, W)`` uint8 on any device.
        y: same shape and device; the order of x and y does not matter.
        variant: ``skimage``: uniform 7 × 7 windows and sample covariance, the defaults of
            scikit-image. ``wang2004``: Gaussian windows, sigma 1.5 px, 11 × 11, population
            covariance, as in the paper. Only windows inside the image count.
        exact: ``skimage`` within 1e-12 of scikit-image instead of 1e-6, at a lower speed;
            ``wang2004`` is always that exact.

    Returns:
        ``(N,)`` float64 on the device of x, in [-1, 1]; signed, 1 for equal images.

    Raises:
        ImageError: for images that break the convention, differ in shape or are smaller than
            the window.

    Reference: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment:
        from error visibility to structural similarity. IEEE Transactions on Image Processing
        13(4), 600-612 (2004). doi:10.1109/TIP.2003.819861
    """
    check_pair(x, y)
    if variant not in WINDOW:
        raise ImageError(f"there is no SSIM variant '{variant}': use {' or '.join(WINDOW)}.")
    count, channels, height, width = x.shape
    if min(height, width) < WINDOW[variant]:
        raise ImageError(too_small(variant, height, width))
    scores = torch.empty(count * channels, dtype=torch.float64, device=x.device)
    last = torch.float64 if exact else torch.float32
    budget = CPU_PIXELS if x.device.type == "cpu" else GPU_PIXELS
    for part in chunks(count, budget // (channels * height * width)):
        planes = x[part].reshape(-1, height, width), y[part].reshape(-1, height, width)
        for inner in chunks(len(planes[0]), budget // (height * width)):
            start = part.start * channels + inner.start
            a, b = planes[0][inner], planes[1][inner]
            scores[start : start + len(a)] = (
                _uniform(a, b, last) if variant == "skimage" else _gaussian(a, b)
            )
    return scores.view(count, channels).mean(dim=1)


def too_small(variant: Variant, height: int, width: int) -> str:
    """Why images of this size have no SSIM, and what to do, in one line."""
    edge = WINDOW[variant]
    return (
        f"SSIM ({variant}) needs images of at least {edge}x{edge} pixels, not {height}x{width}: "
        "use larger images, or pad them."
    )


def _uniform(x: Tensor, y: Tensor, last: torch.dtype) -> Tensor:
    """Exact until the last step: sums of 49 levels fit 16 bits, all that follows fits 32."""
    edge, width = WINDOW["skimage"], x.shape[2]
    pixels = edge * edge
    levels = _flat(x, y, torch.int16)
    sums = _sum_of_7(_sum_of_7(levels, width), 1).to(torch.int32)
    products = _products(levels.to(torch.int32))
    spreads = _sum_of_7(_sum_of_7(products, width), 1).mul_(pixels)
    means = _products(sums)  # everything carries the factor 49², the sample variance 49 · 48
    spreads -= means
    c1, c2 = C1 * pixels**2, C2 * pixels * (pixels - 1)
    return _mean_ratio(means.to(last), spreads.to(last), c1, c2, x.shape, edge)


def _gaussian(x: Tensor, y: Tensor) -> Tensor:
    width = x.shape[2]
    levels = _flat(x, y, torch.float64)
    means = _products(_gauss_of_11(_gauss_of_11(levels, width), 1))
    spreads = _gauss_of_11(_gauss_of_11(_products(levels), width), 1).sub_(means)
    return _mean_ratio(means, spreads, C1, C2, x.shape, WINDOW["wang2004"])


def _flat(x: Tensor, y: Tensor, dtype: torch.dtype) -> Tensor:
    """``(2, P·H·W)``: both images on one flat axis, where every shift is a contiguous slice."""
    levels = torch.empty((2, x.numel()), dtype=dtype, device=x.device)
    levels[0].view(x.shape).copy_(x)
    levels[1].view(y.shape).copy_(y)
    return levels


def _products(pair: Tensor) -> Tensor:
    """``(a, b)`` to ``(a b, a² + b²)``."""
    made = torch.empty_like(pair)
    torch.mul(pair[0], pair[1], out=made[0])
    torch.mul(pair[0], pair[0], out=made[1])
    made[1].addcmul_(pair[1], pair[1])
    return made


def _sum_of_7(values: Tensor, step: int) -> Tensor:
    """Running sums of 7 values ``step`` apart; windows that cross a border are dropped later."""
    size = values.shape[-1] - 6 * step
    pairs = values[..., :-step] + values[..., step:]
    sums = pairs[..., :size] + pairs[..., 2 * step : 2 * step + size]
    sums += pairs[..., 4 * step : 4 * step + size]
    sums += values[..., 6 * step :]
    return sums


def _gauss_of_11(values: Tensor, step: int) -> Tensor:
    """Running Gaussian means of 11 values ``step`` apart."""
    weights = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(6)]
    norm = weights[0] + 2 * sum(weights[1:])
    size = values.shape[-1] - 10 * step
    means = values.narrow(-1, 5 * step, size) * (weights[0] / norm)
    for offset in range(1, 6):
        left = values.narrow(-1, (5 - offset) * step, size)
        right = values.narrow(-1, (5 + offset) * step, size)
        means.add_(left + right, alpha=weights[offset] / norm)
    return means


def _mean_ratio(
    means: Tensor, spreads: Tensor, c1: float, c2: float, shape: torch.Size, edge: int
) -> Tensor:
    """Mean similarity of each plane.

    Args:
        means: ``(2, M)``, ``E[x] E[y]`` and ``E[x]² + E[y]²`` of each window; overwritten.
        spreads: ``(2, M)``, covariance and sum of variances; overwritten.
        c1: the paper's constant, in the units of means.
        c2: likewise for spreads.
        shape: ``(P, H, W)`` of the planes.
        edge: the window's edge.
    """
    planes, height, width = shape
    means[0].add_(c1 / 2)  # the two factors 2 above the line are taken out as one 4
    means[1].add_(c1)
    spreads[0].add_(c2 / 2)
    spreads[1].add_(c2)
    ratio = means.mul_(spreads)
    ratio[0].div_(ratio[1])
    rows, columns = height - edge + 1, width - edge + 1
    inside = ratio[0].as_strided((planes, rows, columns), (height * width, width, 1))
    total = inside.sum(dim=2).sum(dim=1, dtype=torch.float64)
    return total.mul_(4 / (rows * columns))
