"""Which level each masked number stands for: the table that makes bytes fit their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.images import ImageShape
from ppattack.solvers.substitution.masked import LEVELS, Numbers
from ppattack.solvers.substitution.neighbours import Floats, Neighbours, Prediction, log_t3

ROUNDS = 4
"""Times that levels are assigned, at most: more change little in colour, and grey images drift."""
COMPARED = 400
"""Bytes of a number that are compared with their neighbours, at most."""
TEMPER = 3.0
"""By how much likelihoods are flattened: bytes that lie together are not independent."""


@dataclass(frozen=True)
class Table:
    """The levels of K numbers.

    Args:
        numbers: ``(K,)``, those seen, rising; if more than 256 were, those that fit best.
        levels: ``(K,)``, all different.
        counts: ``(K,)``, how many bytes hold each.
        sureness: ``(K,)``, the probability that each level is right to the unit.
    """

    numbers: Numbers
    levels: NDArray[np.intp]
    counts: NDArray[np.intp]
    sureness: NDArray[np.float64]


def solve(
    numbers: Numbers, masked: NDArray[np.bool_], shape: ImageShape, neighbours: Neighbours
) -> Table:
    """Assign levels to numbers, one to one, again and again beside the neighbours so decoded.

    Args:
        numbers: ``(N, S)``.
        masked: ``(S,)``, for which bytes these are no levels.
        shape: ``(C, H, W)``, of S bytes.
        neighbours: of public images.
    """
    seen, labels, counts = np.unique(numbers[:, masked], return_inverse=True, return_counts=True)
    every = np.full(numbers.shape, -1, np.int16)
    every[:, masked] = labels.reshape(len(numbers), -1)
    values = np.minimum(numbers, LEVELS - 1).astype(np.float32)
    likely, levels = np.zeros((len(seen), LEVELS)), np.zeros(len(seen), np.intp)
    rows, known = np.arange(len(seen)), ~masked
    for _ in range(ROUNDS if len(seen) else 0):
        told = neighbours.predict(values, known, shape, every)
        likely = _likely(told, values, every, masked, len(seen))
        before, levels = levels, likely.argmax(1)
        rows, columns = linear_sum_assignment(likely, maximize=True)
        levels[rows] = columns
        values[:, masked] = levels[every[:, masked]]
        if np.array_equal(before, levels):
            break
        known = np.ones_like(masked)
    sureness = _sureness(likely[rows] / TEMPER, levels[rows])
    return Table(seen[rows], levels[rows], counts[rows], sureness)


def _likely(
    told: Prediction,
    values: Floats,
    labels: NDArray[np.int16],
    masked: NDArray[np.bool_],
    kinds: int,
) -> NDArray[np.float64]:
    """``(K, 256)`` log-likelihoods of each level of each number, given the other numbers.

    Neighbours that hold the same number would follow it to any level: they count as such.
    """
    label = labels[:, masked].reshape(-1)
    own = told.own[:, masked].reshape(-1).astype(np.float64)
    others = told.values[:, masked].reshape(-1) - own * values[:, masked].reshape(-1)
    scales = told.scales[:, masked].reshape(-1).astype(np.float64)
    levels = np.arange(LEVELS)
    likely = np.empty((kinds, LEVELS))
    order = np.argsort(label, kind="stable")
    bounds = np.cumsum(np.bincount(label, minlength=kinds))[:-1]
    for kind, rows in enumerate(np.split(order, bounds)):
        some = rows[:: -(-len(rows) // COMPARED), None]
        off = ((1 - own[some]) * levels - others[some]) / scales[some]
        likely[kind] = log_t3(off).sum(0) * (len(rows) / len(some))
    return likely


def _sureness(likely: NDArray[np.float64], levels: NDArray[np.intp]) -> NDArray[np.float64]:
    """How likely each level is beside all others, free ones or exchanged with their numbers."""
    rows = np.arange(len(levels))
    now = likely[rows, levels]
    change = likely - now[:, None]  # (K, 256)
    change[:, levels] += (likely[:, levels] - now[:, None]).T  # what the number that has it loses
    change[rows, levels] = 0
    return np.asarray(1 / np.exp(np.minimum(change, 50)).sum(1))
