"""Blocks as samples of one vector: their signs, and a covariance that complements leave alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import split

Array = NDArray[np.float64]
FLAT = 25.0
"""Added to a block's variance, so that flat blocks, which show noise only, count little."""
MOST_BLOCKS = 40_000
"""Blocks that statistics are taken of, at most, evenly spread."""


@dataclass(frozen=True)
class Spectrum:
    """A covariance by its eigenvectors, the largest first.

    Args:
        covariance: ``(D, D)``, symmetric.
    """

    covariance: Array

    @cached_property
    def _pairs(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.covariance)
        return np.maximum(values[::-1], 0), vectors[:, ::-1]

    @property
    def vectors(self) -> Array:
        """``(D, D)``, one eigenvector a column."""
        return self._pairs[1]

    def places(self, dimensions: int) -> Array:
        """``(D, k)``: each byte as a point whose inner products are the covariance, nearly."""
        values, vectors = self._pairs
        return np.asarray(vectors[:, :dimensions] * np.sqrt(values[:dimensions]))


def lines(images: Tensor, block: int) -> Array:
    """``(n, D)`` float64: the bytes of blocks, channels first, of all images one after the other.

    Args:
        images: ``(N, C, H, W)`` uint8, H and W multiples of ``block``.
        block: edge of a block, pixels.
    """
    cut = split(images.cpu().numpy(), block)
    rows = cut.reshape(-1, images.shape[1] * block * block)
    step = -(-len(rows) // MOST_BLOCKS)
    return np.asarray(rows[::step], dtype=np.float64)


def signs(rows: Array) -> Array:
    """``(D,)`` of -1 and 1: which bytes are complemented, up to all of them.

    Bytes of a block go up and down together, so that the leading eigenvector of their correlations
    has the signs of the complements.

    Args:
        rows: ``(n, D)`` from :func:`lines`.
    """
    centred = rows - rows.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0)) + 1e-9
    correlations = (centred / scale).T @ (centred / scale) / len(rows)
    vector = np.linalg.eigh(correlations)[1][:, -1]
    found = np.where(vector < 0, -1.0, 1.0)
    return found if found.sum() >= 0 else -found


def covariance(rows: Array) -> Array:
    """``(D, D)`` second moments of blocks without their brightness and contrast.

    Both are the same however a block's bytes are ordered, and they outweigh all else.

    Args:
        rows: ``(n, D)``, complements undone.
    """
    shape = rows - rows.mean(axis=1, keepdims=True)
    shape /= np.sqrt((shape**2).mean(axis=1, keepdims=True) + FLAT)
    return np.asarray(shape.T @ shape / len(rows))


def correlations(of: Array) -> Array:
    """A covariance with a diagonal of ones."""
    scale = np.sqrt(np.maximum(of.diagonal(), 1e-12))
    return np.asarray(of / scale / scale[:, None])
