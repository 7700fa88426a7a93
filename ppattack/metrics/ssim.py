"""SSIM, the structural similarity, in the two variants that the literature mixes up.

Both share one form. With the sums ``p = x + y`` and differences ``q = x - y``, windowed means
``E`` and variances ``V``, the similarity of a window is::

    ((E[p]² - E[q]²) / 2 + c1) (k (V[p] - V[q]) / 2 + c2)
    -----------------------------------------------------
    ((E[p]² + E[q]²) / 2 + c1) (k (V[p] + V[q]) / 2 + c2)

so four window sums do instead of five. Under uniform weights everything up to the last line is
integer arithmetic, hence exact.
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
"""Edge of the window, pixels: the least image edge."""
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
SIGMA = 1.5
CPU_PIXELS = 1 << 16
"""Pixels of one channel worked on at a time on a CPU, where the working set must stay in cache."""
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
    edge = WINDOW["skimage"]
    pixels = edge * edge
    moments = _moments(x, y, torch.int32)
    sums = _sum_of_7(_sum_of_7(moments, x.shape[2]), 1)
    squares = sums[:2] * sums[:2]  # sums grow to 49 · 510 and 49 · 510²: all fits 32 bits
    spreads = sums[2:].mul_(pixels).sub_(squares)
    c1 = C1 * pixels**2
    c2 = C2 * pixels * (pixels - 1)  # variances carry 49² and want the factor 49 / 48
    return _ratio(squares, spreads, c1, c2, x, edge, last)


def _gaussian(x: Tensor, y: Tensor) -> Tensor:
    moments = _moments(x, y, torch.float64)
    sums = _gauss_of_11(_gauss_of_11(moments, x.shape[2]), 1)
    squares = sums[:2] * sums[:2]
    return _ratio(squares, sums[2:].sub_(squares), C1, C2, x, WINDOW["wang2004"], torch.float64)


def _moments(x: Tensor, y: Tensor, dtype: torch.dtype) -> Tensor:
    """``(4, P·H·W)``: p, q, p², q². One flat axis, so that a shift is one contiguous slice."""
    moments = torch.empty((4, x.numel()), dtype=dtype, device=x.device)
    total, difference, a, b = moments
    a.view(x.shape).copy_(x)
    b.view(y.shape).copy_(y)
    torch.add(a, b, out=total)
    torch.sub(a, b, out=difference)
    torch.mul(moments[:2], moments[:2], out=moments[2:])
    return moments


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


def _ratio(
    squares: Tensor,
    spreads: Tensor,
    c1: float,
    c2: float,
    images: Tensor,
    edge: int,
    last: torch.dtype,
) -> Tensor:
    """Mean similarity of each plane from E[·]² and V[·] of p and q, both up to a factor."""
    above = (squares[0] - squares[1]).to(last).add_(2 * c1)
    above *= (spreads[0] - spreads[1]).to(last).add_(2 * c2)
    below = (squares[0] + squares[1]).to(last).add_(2 * c1)
    below *= (spreads[0] + spreads[1]).to(last).add_(2 * c2)
    planes, height, width = images.shape
    inside = above.div_(below).as_strided(
        (planes, height - edge + 1, width - edge + 1), (height * width, width, 1)
    )
    return inside.mean(dim=(1, 2), dtype=torch.float64)
