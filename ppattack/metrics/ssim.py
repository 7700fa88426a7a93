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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
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
    return ssim_of_all(x, {"": y}, variant=variant, exact=exact)[""]


def ssim_of_all(
    plain: Tensor, others: Mapping[str, Tensor], *, variant: Variant = "skimage", exact: bool = False
) -> dict[str, Tensor]:
    """:func:`ssim` of several batches with one; what concerns that one only is computed once.

    Args:
        plain: ``(N, C, H, W)`` uint8 on any device.
        others: label to images of the same shape and device; of a batch that is one image
            expanded, what concerns it only is computed once, too.
        variant: as there.
        exact: as there.

    Returns:
        label to ``(N,)`` float64.

    Raises:
        ImageError: as there.
    """
    for images in others.values():
        check_pair(plain, images)
    if variant not in WINDOW:
        raise ImageError(f"there is no SSIM variant '{variant}': use {' or '.join(WINDOW)}.")
    count, channels, height, width = plain.shape
    if min(height, width) < WINDOW[variant]:
        raise ImageError(too_small(variant, height, width))
    kernel = _KERNELS[variant]
    last = torch.float32 if variant == "skimage" and not exact else torch.float64
    scores = {
        label: torch.empty(count, channels, dtype=torch.float64, device=plain.device)
        for label in others
    }
    single = {label for label, images in others.items() if count > 1 and images.stride(0) == 0}
    kept: dict[tuple[str, int, int], _Planes] = {}
    for part, channel in _parts(plain):
        ours = _Planes(plain[part, channel], kernel)
        for label, images in others.items():
            place = (label, channel.start, ours.levels.shape[1])
            theirs = kept.get(place) or _Planes(images[part, channel], kernel)
            if label in single:
                kept[place] = theirs
            found = _similarity(ours, theirs, last, apart=label in single)
            values = scores[label][part, channel]
            values.copy_(found.view_as(values))
    return {label: values.mean(dim=1) for label, values in scores.items()}


def too_small(variant: Variant, height: int, width: int) -> str:
    """Why images of this size have no SSIM, and what to do, in one line."""
    edge = WINDOW[variant]
    return (
        f"SSIM ({variant}) needs images of at least {edge}x{edge} pixels, not {height}x{width}: "
        "use larger images, or pad them."
    )


def _parts(images: Tensor) -> Iterator[tuple[slice, slice]]:
    """Images and channels to work on at a time."""
    count, channels, height, width = images.shape
    budget = CPU_PIXELS if images.device.type == "cpu" else GPU_PIXELS
    for part in chunks(count, budget // (channels * height * width)):
        for channel in chunks(channels, budget // (height * width)):
            yield part, channel


@dataclass(frozen=True)
class _Kernel:
    """How a variant weighs the pixels of a window.

    Args:
        levels: the type of levels and of everything up to the ratio.
        edge: the window's edge.
        running: adds up values ``step`` apart with the weights of one axis.
        factor: the sum of a window's weights.
        c1: the paper's constant, times the square of the factor.
        c2: likewise; for sample variances less one part in the number of pixels.
    """

    levels: torch.dtype
    edge: int
    running: Callable[[Tensor, int], Tensor]
    factor: int
    c1: float
    c2: float

    def windows(self, planes: Tensor) -> Tensor:
        """``(H, P, W)`` to the weighted sums of all windows, flat.

        On one flat axis every shift is a contiguous slice. Windows that cross a border are
        dropped by :meth:`mean`.
        """
        return self.running(self.running(planes.view(-1), planes[0].numel()), 1)

    def mean(self, values: Tensor, shape: torch.Size) -> Tensor:
        """``(P,)`` float64: means of the windows inside each plane of ``(H, P, W)``."""
        height, planes, width = shape
        rows, columns = height - self.edge + 1, width - self.edge + 1
        inside = values.as_strided((rows, planes, columns), (planes * width, width, 1))
        # In this order whatever the number of planes, so that each has the same value to the bit.
        each = inside.sum(dim=2).t().contiguous()
        return each.sum(dim=1, dtype=torch.float64).div_(rows * columns)


def _sum_of_7(values: Tensor, step: int) -> Tensor:
    size = len(values) - 6 * step
    if step > 1:  # rows: one pass over memory
        return values.as_strided((7, size), (step, 1)).sum(dim=0, dtype=values.dtype)
    pairs = values[:-step] + values[step:]
    sums = pairs[:size] + pairs[2 * step : 2 * step + size]
    sums += pairs[4 * step : 4 * step + size]
    sums += values[6 * step :]
    return sums


def _gauss_of_11(values: Tensor, step: int) -> Tensor:
    size = len(values) - 10 * step
    means = values[:size] * GAUSS[0]
    for place, weight in enumerate(GAUSS[1:], start=1):
        means.add_(values[place * step : place * step + size], alpha=weight)
    return means


def _gauss(edge: int) -> list[float]:
    weights = [math.exp(-0.5 * ((i - edge // 2) / SIGMA) ** 2) for i in range(edge)]
    return [weight / sum(weights) for weight in weights]


GAUSS = _gauss(WINDOW["wang2004"])
_KERNELS: dict[Variant, _Kernel] = {
    "skimage": _Kernel(torch.int32, 7, _sum_of_7, 49, C1 * 49**2, C2 * 49 * (49 - 1)),
    "wang2004": _Kernel(torch.float64, 11, _gauss_of_11, 1, C1, C2),
}


class _Planes:
    """One side of a comparison, and what is computed of it alone, when it is asked for.

    Args:
        images: ``(N, C, H, W)`` uint8.
        kernel: weighs the pixels of windows.
    """

    def __init__(self, images: Tensor, kernel: _Kernel) -> None:
        self.kernel = kernel
        count, channels, height, width = images.shape
        shape = (height, count, channels, width)
        levels = torch.empty(shape, dtype=kernel.levels, device=images.device)
        self.levels = levels.copy_(images.permute(2, 0, 1, 3)).flatten(1, 2)

    @cached_property
    def squares(self) -> Tensor:
        """``(H, P, W)``: squared levels."""
        return self.levels * self.levels

    @cached_property
    def means(self) -> Tensor:
        """Of each window, times the factor."""
        return self.kernel.windows(self.levels)

    @cached_property
    def mean_squares(self) -> Tensor:
        """Squared means."""
        return self.means * self.means

    @cached_property
    def windows_of_squares(self) -> Tensor:
        """Means of the squares in each window, times the factor."""
        return self.kernel.windows(self.squares)


def _similarity(x: _Planes, y: _Planes, last: torch.dtype, *, apart: bool) -> Tensor:
    """Mean similarity of each plane, ``(P,)`` float64.

    Args:
        x: one side.
        y: the other.
        last: the type of the ratio.
        apart: whether the squares of both sides are weighted apart, since both are used again.
    """
    kernel = x.kernel
    covariance = kernel.windows(x.levels * y.levels)
    if apart:
        variance = x.windows_of_squares + y.windows_of_squares
    else:
        variance = kernel.windows(torch.addcmul(x.squares, y.levels, y.levels))
    luminance = x.means * y.means
    if apart:
        energy = x.mean_squares + y.mean_squares
    else:
        energy = torch.addcmul(x.mean_squares, y.means, y.means)
    if kernel.factor != 1:
        covariance.mul_(kernel.factor)
        variance.mul_(kernel.factor)
    covariance.sub_(luminance)
    variance.sub_(energy)
    # the two factors 2 above the line are taken out as one 4
    above = luminance.to(last).add_(kernel.c1 / 2).mul_(covariance.to(last).add_(kernel.c2 / 2))
    below = energy.to(last).add_(kernel.c1).mul_(variance.to(last).add_(kernel.c2))
    ratio = above.div_(below)
    return kernel.mean(ratio, x.levels.shape).mul_(4)
