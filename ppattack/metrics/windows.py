"""Windows of one image, and of two, which SSIM is made of.

Under equal weights everything up to the ratio is integer arithmetic, hence exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

Variant = Literal["skimage", "wang2004"]
WINDOW: dict[Variant, int] = {"skimage": 7, "wang2004": 11}
"""Edge of the window, pixels: the smallest possible image edge."""
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
SIGMA = 1.5


@dataclass(frozen=True)
class Kernel:
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
KERNELS: dict[Variant, Kernel] = {
    "skimage": Kernel(torch.int32, 7, _sum_of_7, 49, C1 * 49**2, C2 * 49 * (49 - 1)),
    "wang2004": Kernel(torch.float64, 11, _gauss_of_11, 1, C1, C2),
}


class Planes:
    """One side of a comparison, and what is computed of it alone, when it is asked for.

    Args:
        images: ``(N, C, H, W)`` uint8.
        kernel: weighs the pixels of windows.
        last: the type of the ratio.
    """

    def __init__(self, images: Tensor, kernel: Kernel, last: torch.dtype) -> None:
        self.kernel, self.last = kernel, last
        count, channels, height, width = images.shape
        shape = (height, count, channels, width)
        levels = torch.empty(shape, dtype=kernel.levels, device=images.device)
        self.levels = levels.copy_(images.permute(2, 0, 1, 3)).flatten(1, 2)  # (H, P, W)

    @cached_property
    def squares(self) -> Tensor:
        """``(H, P, W)``: squared levels."""
        return self.levels * self.levels

    @cached_property
    def means(self) -> Tensor:
        """The mean of each window, times the factor."""
        return self.kernel.windows(self.levels)

    @cached_property
    def mean_squares(self) -> Tensor:
        """Squared means."""
        return self.means * self.means

    @cached_property
    def energy(self) -> Tensor:
        """This side's part of the ratio's first denominator."""
        return self.mean_squares.to(self.last) + self.kernel.c1 / 2

    @cached_property
    def variance(self) -> Tensor:
        """This side's part of the second."""
        squares = self.kernel.windows(self.squares).mul_(self.kernel.factor)
        return squares.sub_(self.mean_squares).to(self.last) + self.kernel.c2 / 2

    def negative(self) -> Planes:
        """The planes of the negatives, without levels: variances are the same."""
        made = copy(self)
        parts = {"means": 255 * self.kernel.factor - self.means, "variance": self.variance}
        kept = {name: self.__dict__[name] for name in ("kernel", "last")}
        made.__dict__ = kept | parts
        return made

    def cross(self, other: Planes) -> Tensor:
        """The windows of the product of both."""
        return self.kernel.windows(self.levels * other.levels)


def similarity(x: Planes, y: Planes, cross: Tensor, *, again: bool = True) -> Tensor:
    """Mean SSIM of each plane, ``(P,)`` float64 in [-1, 1].

    Args:
        x: one side.
        y: the other.
        cross: the windows of their product; overwritten.
        again: whether both sides are used again, so that what is computed of each alone pays.
    """
    kernel, last = x.kernel, x.last
    luminance = x.means * y.means
    covariance = cross.mul_(kernel.factor).sub_(luminance)
    if again:
        below = (x.energy + y.energy).mul_(x.variance + y.variance)
    else:
        energy = torch.addcmul(x.mean_squares, y.means, y.means)
        squares = kernel.windows(torch.addcmul(x.squares, y.levels, y.levels))
        variance = squares.mul_(kernel.factor).sub_(energy)
        below = energy.to(last).add_(kernel.c1).mul_(variance.to(last).add_(kernel.c2))
    # the two factors 2 above the line are taken out as one 4
    above = luminance.to(last).add_(kernel.c1 / 2).mul_(covariance.to(last).add_(kernel.c2 / 2))
    return kernel.mean(above.div_(below), x.levels.shape).mul_(4)
