"""Principal components that the codes of all places share.

One network encodes every patch, and the vector that it adds for a place mostly moves the code.
So codes less the mean code of their place lie in one cloud, whatever their place, and its
principal components are found from all patches of all images together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Parts = Callable[[], Iterable[Tensor]]
"""Gives codes ``(n, P, D)`` of all images, some images at a time, again at every call."""


@dataclass(frozen=True)
class Components:
    """Directions in which codes vary most, the strongest first.

    Args:
        mean: ``(P, D)`` the mean code of each place.
        directions: ``(D, K)`` orthonormal.
        variances: ``(K,)`` of the codes along them.
        quiet: ``(D,)`` the direction in which codes vary least.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor
    quiet: Tensor

    @classmethod
    def of(cls, parts: Parts, count: int, most_rows: float = math.inf) -> Components:
        """The components of codes that are read once and never held together.

        Args:
            parts: the codes, ``(n, P, D)`` float32 each.
            count: of components, at most; there are no more than D.
            most_rows: codes that show the directions; means are always those of all.
        """
        total = second = centre = shift = None
        images = looked_at = 0
        for part in parts():
            if centre is None or total is None or second is None:
                centre = part.mean(dim=0)  # close to the mean: sums of squares stay small
                total = torch.zeros_like(centre, dtype=torch.float64)
                second = torch.zeros_like(centre[0], dtype=torch.float64).diag()
            moved = part - centre
            rows = moved.flatten(0, 1)
            total += moved.sum(dim=0)
            images += len(part)
            if looked_at * len(centre) < most_rows:
                second += rows.T @ rows
                shift, looked_at = total / images, images
        if centre is None or total is None or second is None or shift is None:
            raise ValueError("there are no codes")
        covariance = (second / looked_at - shift.T @ shift) / len(centre)
        variances, vectors = torch.linalg.eigh(covariance.to(centre.dtype))
        kept = slice(0, min(count, len(covariance)))
        return cls(
            centre + (total / images).to(centre.dtype),
            vectors.flip(1)[:, kept].contiguous(),
            variances.flip(0)[kept].clamp_min(0),
            vectors[:, 0].clone(),
        )

    def first(self, count: int) -> Components:
        """The same with only the strongest of them."""
        directions, variances = self.directions[:, :count], self.variances[:count]
        return replace(self, directions=directions.contiguous(), variances=variances)

    def __call__(self, codes: Tensor) -> Tensor:
        """The components ``(n, P, K)`` of codes ``(n, P, D)``."""
        return (codes - self.mean) @ self.directions

    def of_parts(self, parts: Parts) -> Tensor:
        """The components ``(N, P, K)`` of all codes, read once."""
        return torch.cat([self(part) for part in parts()])

    def codes(self, components: Tensor) -> Tensor:
        """The codes ``(n, P, D)`` that have these components and no other."""
        return components @ self.directions.T + self.mean
