"""Graph matching: the permutation under which several weighted graphs look alike at once.

Frank-Wolfe on the doubly stochastic matrices, with restarts. Reference: J. T. Vogelstein,
J. M. Conroy, V. Lyzinski, L. J. Podrazik, S. G. Kratzer, E. T. Harley, D. E. Fishkind,
R. J. Vogelstein, C. E. Priebe: Fast Approximate Quadratic Programming for Graph Matching.
PLOS ONE 10(4):e0121002, 2015, doi:10.1371/journal.pone.0121002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.errors import ImageError
from ppattack.solvers.matching.products import BY_NUMPY, Products

Array = NDArray[np.float64]
START_NOISE = 0.3
"""Share of a random doubly stochastic matrix in a start; the rest is flat."""
BALANCING_ROUNDS = 10


@dataclass(frozen=True)
class Matching:
    """A permutation and how well it matches.

    Args:
        permutation: ``(S,)``: row i of the first graphs is row ``permutation[i]`` of the second.
        likeness: mean correlation of the matched matrices' off-diagonal entries, at most 1.
        runner_up: the best likeness of a start that ended elsewhere, or -1.
    """

    permutation: NDArray[np.intp]
    likeness: float
    runner_up: float


@dataclass(frozen=True)
class Graphs:
    """Weighted graphs on both sides, standardised.

    Args:
        ours: ``(k, S, S)``.
        theirs: likewise.
        products: computes products.
    """

    ours: Array
    theirs: Array
    products: Products = BY_NUMPY

    @classmethod
    def of(
        cls,
        first: Sequence[Array] | Array,
        second: Sequence[Array] | Array,
        products: Products = BY_NUMPY,
    ) -> Graphs:
        """From square matrices of one size, as many on both sides; see :func:`match`.

        Raises:
            ImageError: if they are not.
        """
        if len(first) != len(second) or {m.shape for m in (*first, *second)} != {first[0].shape}:
            raise ImageError(
                "graph matching needs as many matrices on both sides, all of one size."
            )
        ours, theirs = (np.stack([standardised(m) for m in side]) for side in (first, second))
        return cls(ours, theirs, products)

    def matched(self, rng: np.random.Generator, iterations: int) -> NDArray[np.intp]:
        """``(S,)`` a permutation from one random start."""
        start = _start(self.ours.shape[1], rng)
        return _frank_wolfe(self.ours, self.theirs, start, iterations, self.products)

    def likeness(self, permutation: NDArray[np.intp]) -> float:
        """Mean correlation of the matched matrices' off-diagonal entries."""
        moved = self.theirs[:, permutation[:, None], permutation]
        size = len(permutation)
        return float((self.ours * moved).sum() / (len(self.ours) * max(size * (size - 1), 1)))


def match(
    first: Sequence[Array] | Array,
    second: Sequence[Array] | Array,
    rng: np.random.Generator,
    *,
    restarts: int,
    iterations: int = 60,
    products: Products = BY_NUMPY,
) -> Matching:
    """Find the permutation p that makes ``first[k]`` most like ``second[k][p][:, p]`` for all k.

    Each matrix is brought to off-diagonal mean 0 and deviation 1: without that the flat part of
    natural correlations hides everything else.

    Args:
        first: square matrices of one size.
        second: as many, of the same size.
        rng: chooses the starts.
        restarts: how many starts.
        iterations: steps from each start, at most.
        products: computes products.
    """
    graphs = Graphs.of(first, second, products)
    found: dict[bytes, float] = {}
    for _ in range(restarts):
        permutation = graphs.matched(rng, iterations)
        found[permutation.tobytes()] = graphs.likeness(permutation)
    ranked = sorted(found, key=lambda key: found[key], reverse=True)
    best = np.frombuffer(ranked[0], dtype=np.intp).copy()
    return Matching(best, found[ranked[0]], found[ranked[1]] if len(ranked) > 1 else -1.0)


def standardised(matrix: Array) -> Array:
    """The matrix with off-diagonal mean 0 and deviation 1, and a diagonal of zeros."""
    size = len(matrix)
    off = ~np.eye(size, dtype=bool)
    values = matrix[off] - matrix[off].mean()
    out = np.zeros_like(matrix, dtype=np.float64)
    out[off] = values / (values.std() or 1.0)
    return out


def _start(size: int, rng: np.random.Generator) -> Array:
    noise = rng.random((size, size))
    for _ in range(BALANCING_ROUNDS):
        noise /= noise.sum(1, keepdims=True)
        noise /= noise.sum(0, keepdims=True)
    return (1 - START_NOISE) / size + START_NOISE * noise


def _frank_wolfe(
    ours: Array, theirs: Array, start: Array, iterations: int, products: Products
) -> NDArray[np.intp]:
    place = start
    symmetric = all(np.array_equal(side, side.swapaxes(1, 2)) for side in (ours, theirs))
    for _ in range(iterations):
        gradient = _gradient(ours, theirs, place, products, symmetric=symmetric)
        rows, columns = linear_sum_assignment(gradient, maximize=True)
        step = np.zeros_like(place)
        step[rows, columns] = 1.0
        step -= place
        # The objective along the step is a t² + b t: exact line search on [0, 1].
        change = _gradient(ours, theirs, step, products, symmetric=symmetric)
        bend = float((change * step).sum()) / 2
        slope = float((gradient * step).sum())
        length = 1.0 if bend >= 0 else min(1.0, -slope / (2 * bend))
        if bend >= 0 and bend + slope <= 0:
            break
        place = place + length * step
        if length == 1.0 and np.abs(step).sum() < 1e-9:
            break
    permutation: NDArray[np.intp] = linear_sum_assignment(place, maximize=True)[1]
    return permutation.astype(np.intp)


def _gradient(
    ours: Array, theirs: Array, place: Array, products: Products, *, symmetric: bool
) -> Array:
    """The gradient of the sum over k of <ours[k], place · theirs[k] · placeᵀ>."""
    times = products.product
    forward = times(times(ours, place), theirs.swapaxes(1, 2))
    if symmetric:
        twice: Array = 2 * forward.sum(0)
        return twice
    backward = times(times(ours.swapaxes(1, 2), place), theirs)
    total: Array = (forward + backward).sum(0)
    return total
