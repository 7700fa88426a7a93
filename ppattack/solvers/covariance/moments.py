"""Second-order statistics gathered in one pass: additive, exact, and independent of the chunks.

Symbols are small integers, so sums and products are whole numbers: those of a chunk fit the 24
bits that single precision keeps exactly, totals the 53 of double precision. Any split into chunks
or workers gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import ssyrk
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.solvers.sums import Sent

EXACT_IN_SINGLE = 1 << 24
CHUNK_ROWS = 4096
"""Vectors of symbols that are multiplied at a time."""


class Moments(Sent):
    """Count, sum and outer products of symbol vectors.

    Args:
        symbols: how many in a vector.
        levels: values a symbol can take, 256 for bytes and 16 for nibbles.
        device: where the products are computed and the sums are kept.
    """

    def __init__(self, symbols: int, levels: int = 256, device: torch.device | str = "cpu") -> None:
        self.levels = levels
        self.count = 0
        self.sum = torch.zeros(symbols, dtype=torch.float64, device=device)
        self._lower = torch.zeros((symbols, symbols), dtype=torch.float64, device=device)

    @property
    def outer(self) -> Tensor:
        """``(S, S)`` float64, sums of the products of two symbols."""
        lower = self._lower.tril()
        return lower + lower.tril(-1).T

    @property
    def centre(self) -> int:
        """What is subtracted from every symbol, so that products stay small."""
        return self.levels // 2

    def add(self, values: Tensor) -> Moments:
        """Add ``(N, S)`` integers below ``levels``; returns itself."""
        if values.ndim != 2 or values.shape[1] != len(self.sum):
            raise ImageError(
                f"these moments are for {len(self.sum)} symbols; got {tuple(values.shape)}."
            )
        rows = min(CHUNK_ROWS, EXACT_IN_SINGLE // self.centre**2)
        for start in range(0, len(values), rows):
            part = values[start : start + rows].to(self.sum.device, torch.float32) - self.centre
            self._lower += _squared(part)
            self.sum += part.sum(0)
        self.count += len(values)
        return self

    def merge(self, other: Moments) -> Moments:
        """Add what another has gathered; returns itself."""
        if (other.levels, len(other.sum)) != (self.levels, len(self.sum)):
            raise ImageError("only moments of the same symbols can be merged.")
        self.count += other.count
        self.sum += other.sum.to(self.sum.device)
        self._lower += other._lower.to(self.sum.device)
        return self

    def mean(self) -> Tensor:
        """``(S,)`` float64, relative to the middle ``(levels - 1) / 2``: odd under complement."""
        return self.sum / max(self.count, 1) + (self.centre - (self.levels - 1) / 2)

    def covariance(self) -> Tensor:
        """``(S, S)`` float64, about the mean."""
        mean = self.sum / max(self.count, 1)
        return self.outer / max(self.count, 1) - mean[:, None] * mean

    def correlation(self) -> Tensor:
        """``(S, S)`` float64 with a diagonal of ones; 0 beside symbols that never change."""
        covariance = self.covariance()
        spread = covariance.diagonal().clamp_min(0).sqrt()
        scale = torch.where(spread > 1e-6, 1 / spread, torch.zeros_like(spread))
        out = covariance.mul_(scale[:, None]).mul_(scale)
        out.fill_diagonal_(1.0)
        return out


def _squared(values: Tensor) -> Tensor:
    """``(S, S)`` float32: ``values.T @ values``, of which the lower half counts.

    On a CPU only that half is computed, in a third of the time of torch's product.
    """
    if not values.is_cpu:
        return values.T @ values
    return torch.from_numpy(ssyrk(1.0, values.numpy().T).T)


class GridMoments:
    """Products of the channels of each pixel with those of its right and lower neighbours.

    Values are taken relative to mid-grey, 127.5, so that complementing a byte changes signs only.

    Args:
        shape: ``(C, H, W)``.
    """

    STEPS = ((0, 0), (0, 1), (1, 0))
    """Rows and columns from a pixel to the other one, in the order of ``products``."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        channels, height, width = shape
        self.shape = shape
        self.count = 0
        self.sum = np.zeros(shape)
        self.products = [
            np.zeros((channels, channels, height - down, width - right))
            for down, right in self.STEPS
        ]
        """``products[k][c, d]``: channel c of a pixel with channel d of the pixel at step k."""

    def add(self, images: Tensor) -> GridMoments:
        """Add ``(N, C, H, W)`` uint8; returns itself."""
        for chunk in _chunks(images):
            # Twice the value relative to mid-grey is a whole number.
            values = chunk.to(torch.float32) * 2 - 255
            self.sum += values.sum(0, dtype=torch.float64).cpu().numpy() / 2
            for step, total in zip(self.STEPS, self.products, strict=True):
                total += _neighbour_products(values, step) / 4
        self.count += len(images)
        return self

    def merge(self, other: GridMoments) -> GridMoments:
        """Add what another has gathered; returns itself."""
        if other.shape != self.shape:
            raise ImageError("only moments of images of one shape can be merged.")
        self.count += other.count
        # Not in place: what a worker sent may be read-only memory.
        self.sum = self.sum + other.sum
        self.products = [
            total + more for total, more in zip(self.products, other.products, strict=True)
        ]
        return self


def _chunks(images: Tensor) -> Iterator[Tensor]:
    """How many images keep sums of products of 9-bit integers exact in single precision."""
    yield from images.split(EXACT_IN_SINGLE >> 16)


def _neighbour_products(values: Tensor, step: tuple[int, int]) -> NDArray[np.float64]:
    """``(C, C, h, w)``: sums over images of channel c here times channel d one step away."""
    down, right = step
    height, width = values.shape[2:]
    here = values[:, :, : height - down, : width - right]
    there = values[:, :, down:, right:]
    rows = [(here[:, channel, None] * there).sum(0) for channel in range(values.shape[1])]
    return torch.stack(rows).double().cpu().numpy()
