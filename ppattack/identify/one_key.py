"""How much files agree with each other, as they do under one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.blocks import split
from ppattack.identify.sample import Floats

Rows = NDArray[np.floating[Any]]
PLACES = 96
"""Places of a block whose covariances are compared."""


def ratios_of_pairs(rows: Rows, expected: Callable[[Rows], np.ndarray]) -> np.ndarray:
    """Squared inner products of files over what keys of their own would give, ``(N, N)``.

    Args:
        rows: ``(N, D)``, or ``(N, groups, D)`` whose groups change by themselves.
        expected: of all pairs, the mean squared inner product under keys of their own.
    """
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    return np.asarray(np.square(flat @ flat.T) / np.maximum(expected(rows), 1e-9))


def signs(rows: Rows) -> np.ndarray:
    """Every value changes its sign by itself."""
    squares = np.square(rows.reshape(len(rows), -1).astype(np.float64))
    return np.asarray(squares @ squares.T)


def orders(rows: Rows) -> np.ndarray:
    """The values of every group, of mean 0, change places."""
    grouped = rows.reshape(len(rows), -1, rows.shape[-1])
    power = np.square(grouped.astype(np.float64)).sum(axis=2)
    return np.asarray(power @ power.T / (rows.shape[-1] - 1))


def within_blocks(values: Floats, block: int) -> Floats:
    """``(N, M, C b²)`` values of blocks less their mean."""
    cut = _cut(values, block)
    made: Floats = cut - cut.mean(axis=2, keepdims=True)
    return made


def _cut(values: Floats, block: int) -> Floats:
    """``(N, M, C b²)`` values of blocks."""
    tiles = split(values, block)
    made: Floats = tiles.reshape(*tiles.shape[:2], -1)
    return made


def moments_of_places(values: Floats, block: int, rng: np.random.Generator) -> Floats:
    """Second moments of places of a block, each block less its mean, ``(N, places, places)``.

    Args:
        values: ``(N, C, H, W)``.
        block: edge of a block.
        rng: draws the places, ``PLACES`` at most.
    """
    rows = _cut(values, block)
    rows = rows[:, :, rng.permutation(rows.shape[2])[:PLACES]]
    rows = rows - rows.mean(axis=2, keepdims=True)
    made: Floats = np.matmul(rows.transpose(0, 2, 1), rows)
    return made


def covariances_of_each(moments: Floats) -> np.ndarray:
    """Correlation of the covariances of places of every two files, ``(N, N)``."""
    upper = np.triu_indices(moments.shape[1], 1)
    return np.asarray(np.corrcoef(moments[:, upper[0], upper[1]]))
