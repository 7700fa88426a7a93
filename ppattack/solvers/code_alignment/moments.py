"""Moments of components that tell keys' frames from each other.

Between neighbouring patches second moments are far from zero, and not symmetric: they tell the
directions in an image apart. Third moments tell a component from its negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WEIGHT = 0.4
"""Components are divided by their deviation to this power, twice: between 0, where the few
strongest decide, and 1/2, where all count alike. Chosen on photographs under own keys."""
LEAST_VARIANCE = 1e-12
ROWS = 8192
"""Patches whose products of three components are held at a time."""


@dataclass(frozen=True)
class Moments:
    """What a rotation has to bring into agreement.

    Args:
        lagged: ``(L, K, K)`` second moments of a patch and the patch an offset away.
        third: ``(K, K, K)`` third moments of a patch.
        scale: ``(K,)`` by which components were multiplied.
    """

    lagged: Tensor
    third: Tensor
    scale: Tensor

    @classmethod
    def of(cls, components: Tensor, grid: tuple[int, int], reach: int = 1) -> Moments:
        """Moments of components of images, each image divided by its own deviation first.

        Images differ far more in contrast than in anything else. Without the division the few
        images of most contrast would decide, and two sets of images would agree badly.

        Args:
            components: ``(N, P, K)``, places row by row.
            grid: rows and columns of places.
            reach: offsets are at most this many places.
        """
        even = of_equal_contrast(components)
        scale = even.square().mean(dim=(0, 1)).clamp_min(LEAST_VARIANCE) ** -WEIGHT
        even = even * scale
        return cls(lagged_moments(even, grid, offsets(reach)), third_moments(even), scale)

    def first(self, count: int) -> Moments:
        """The same for only the first components."""
        part = slice(0, count)
        third = self.third[part, part, part]
        return Moments(self.lagged[:, part, part], third, self.scale[part])


def of_equal_contrast(components: Tensor) -> Tensor:
    """Components ``(N, P, K)``, those of every image divided by their root mean square."""
    power = components.square().mean(dim=(1, 2), keepdim=True)
    return components / power.clamp_min(LEAST_VARIANCE).sqrt()


def offsets(reach: int) -> list[tuple[int, int]]:
    """Rows and columns from a place to another, at most ``reach`` each, one of two opposites."""
    steps = range(-reach, reach + 1)
    return [(down, right) for down in steps for right in steps if (down, right) > (0, 0)]


def lagged_moments(
    components: Tensor, grid: tuple[int, int], lags: list[tuple[int, int]]
) -> Tensor:
    """``(L, K, K)``: means of ``c[p] c[p + lag]ᵀ`` over images and places.

    Args:
        components: ``(N, P, K)``.
        grid: rows and columns of places.
        lags: those that do not fit the grid give zeros.
    """
    rows, columns = grid
    laid = components.unflatten(1, grid)
    found = []
    for down, right in lags:
        first = laid[:, : max(rows - down, 0), max(0, -right) : columns - max(0, right)]
        second = laid[:, down:, max(0, right) : columns + min(0, right)]
        if not first.numel() or first.shape != second.shape:
            found.append(components.new_zeros(components.shape[2], components.shape[2]))
            continue
        left, after = first.flatten(0, 2), second.flatten(0, 2)
        found.append(left.T @ after / len(left))
    return torch.stack(found)


def third_moments(components: Tensor) -> Tensor:
    """``(K, K, K)``: means of products of three components over images and places."""
    rows = components.flatten(0, 1)
    count = rows.shape[1]
    total = rows.new_zeros(count, count**2)
    for part in rows.split(ROWS):
        total += part.T @ (part[:, :, None] * part[:, None, :]).flatten(1)
    return (total / len(rows)).view(count, count, count)
