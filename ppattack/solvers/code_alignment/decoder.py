"""Patches from the components of their codes and of the codes around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

AROUND = 32
"""Components of each of the eight neighbours that count."""
RIDGE = 1e-3
"""Ridge, in shares of the mean power of a feature."""


@dataclass(frozen=True)
class Decoder:
    """A linear map from components of a place and its neighbours to pixels, one for all places.

    Args:
        grid: rows and columns of places.
        weights: ``(K + 8 · 12, X)``.
        mean: ``(P, X)`` the mean patch of each place.
    """

    grid: tuple[int, int]
    weights: Tensor
    mean: Tensor

    @classmethod
    def learnt(
        cls,
        parts: Iterable[tuple[Tensor, Tensor]],
        noise: Tensor,
        mean: Tensor,
        grid: tuple[int, int],
    ) -> Decoder:
        """The best linear decoder of components to which noise will be added.

        Args:
            parts: components ``(n, P, K)`` without the noise, and their patches ``(n, P, X)``.
            noise: ``(K,)`` its variances.
            mean: ``(P, X)`` the mean patch of each place.
            grid: rows and columns of places.
        """
        squares = products = None
        count = 0
        for components, pixels in parts:
            features = with_neighbours(components, grid).flatten(0, 1)
            square = features.T @ features
            product = features.T @ (pixels - mean).flatten(0, 1)
            squares = square if squares is None else squares + square
            products = product if products is None else products + product
            count += len(features)
        if squares is None or products is None:
            raise ValueError("there are no patches to learn from")
        around = noise[:AROUND].repeat(8)
        power = squares.diag().mean() / count
        ridge = torch.cat([noise, around]) + RIDGE * power
        weights = torch.linalg.solve(squares + count * ridge.diag(), products)
        return cls(grid, weights, mean)

    def __call__(self, components: Tensor) -> Tensor:
        """Patches ``(n, P, X)`` of components ``(n, P, K)``."""
        return with_neighbours(components, self.grid) @ self.weights + self.mean


def with_neighbours(components: Tensor, grid: tuple[int, int]) -> Tensor:
    """``(n, P, K + 8 · 12)``: zeros where there is no neighbour.

    Args:
        components: ``(n, P, K)``, places row by row.
        grid: rows and columns of places.
    """
    rows, columns = grid
    laid = functional.pad(components[..., :AROUND].unflatten(1, grid), (0, 0, 1, 1, 1, 1))
    around = [
        laid[:, down : down + rows, right : right + columns].flatten(1, 2)
        for down in range(3)
        for right in range(3)
        if (down, right) != (1, 1)
    ]
    return torch.cat([components, *around], dim=2)
