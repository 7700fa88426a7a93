"""Assignment: which column belongs to which row, at any size.

Up to what memory allows the whole table of costs is solved exactly. Beyond it, points are matched
by squared distance without ever holding the table: every point keeps its nearest candidates,
found by chunked matrix products, and the sparse problem is solved exactly. Its prices then bound
the cost of every matching of the *whole* table from below (linear programming duality), so that
the distance to the optimum is known; pairs that could improve it become candidates, and the
problem is solved again until the distance is nil.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.errors import DataError
from ppattack.solvers.matching.prices import less_prices
from ppattack.solvers.matching.sparse import (
    Costs,
    Pairs,
    completed,
    nearest,
    prices,
    solved,
    unpriced,
    whole_numbers,
)

DENSE_BYTES = 2 << 30
"""The largest table of float64 costs that is solved as a whole."""
NEARLY_ALL = 0.75
"""Share of the columns that are some row's cheapest from which on lapx is quickest."""
PRICED = 256
"""Rows from which on prices for the columns of a square table save more than they cost."""
CANDIDATES = 16
ROUNDS = 12
"""Sparse problems solved at most; each adds the pairs that the one before lacked."""
TOLERANCE = 1e-6
"""Relative distance to the optimum below which a matching counts as optimal."""


@dataclass(frozen=True)
class Assignment:
    """A one-to-one matching of rows and columns.

    Args:
        columns: ``(n,)`` int64, the column of each row.
        cost: sum of the costs of the matched pairs.
        gap: no matching costs less than ``cost - gap``; 0 if the optimum is proven.
        method: how it was found.
        rounds: sparse problems solved.
        candidates: pairs that the last of them held.
    """

    columns: Tensor
    cost: float
    gap: float
    method: Literal["dense", "sparse"]
    rounds: int = 0
    candidates: int = 0

    @property
    def optimal(self) -> bool:
        """Whether the gap is nil, up to rounding."""
        return self.gap <= TOLERANCE * max(abs(self.cost), 1.0)


def least_cost(costs: Tensor) -> Tensor:
    """The matching of least total cost.

    If the cheapest columns of all rows differ, they are the matching, since no row could cost
    less: nothing is solved then. If nearly all of them differ, ``lapx`` is quickest; it is slowest
    where many rows want the same columns, and a large square table is then solved by SciPy, less
    prices of its columns.

    Args:
        costs: ``(n, m)`` with n ≤ m, any float type and device.

    Returns:
        ``(n,)`` int64 on the same device, the column of each row.

    Raises:
        ValueError: for costs that are NaN or minus infinity, and if every matching costs infinity.
    """
    table = costs.detach().cpu().double()
    rows, width = table.shape
    array = table.numpy()
    solve = _by_shortest_paths
    if 0 < rows <= width:
        cheapest = array.argmin(axis=1)
        taken = np.count_nonzero(np.bincount(cheapest, minlength=width))
        if np.isfinite(array[np.arange(rows), cheapest]).all():
            if taken == rows:
                return torch.from_numpy(cheapest).to(costs.device)
            if rows == width and taken >= NEARLY_ALL * rows and np.isfinite(array.max()):
                solve = _by_bids
            elif rows == width >= PRICED:
                array = less_prices(table).numpy()
    return torch.from_numpy(solve(array)).to(costs.device)


def _by_shortest_paths(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The column of each row, by SciPy."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    found = np.empty(len(rows), dtype=np.int64)
    found[rows] = columns
    return found


def _by_bids(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The column of each row of a square table of finite costs, by lapx if it is there."""
    try:
        lap: Any = importlib.import_module("lap")
    except ImportError:  # there are no wheels of it for some machines
        return _by_shortest_paths(costs)
    columns: NDArray[np.int64] = lap.lapjv(costs, return_cost=False)[0].astype(np.int64)
    return columns


def greatest_score(scores: Tensor) -> Tensor:
    """The matching of greatest total score; see :func:`least_cost`."""
    return least_cost(-scores)


def match_points(
    left: Tensor,
    right: Tensor,
    *,
    method: Literal["auto", "dense", "sparse"] = "auto",
    dense_bytes: int = DENSE_BYTES,
    candidates: int = CANDIDATES,
    rounds: int = ROUNDS,
) -> Assignment:
    """Match two sets of points one to one, with the least sum of squared distances.

    Args:
        left: ``(n, d)`` float32.
        right: ``(n, d)`` float32 on the same device.
        method: ``dense`` holds all n² costs, ``sparse`` never does, ``auto`` chooses by memory.
        dense_bytes: the most that the costs may take for ``auto``.
        candidates: nearest points that each point starts with, on both sides.
        rounds: sparse problems to solve, at most.

    Raises:
        DataError: if the sets differ in shape or hold numbers that are not finite.
    """
    if left.shape != right.shape or left.ndim != 2 or not len(left):
        raise DataError(
            f"points are matched one to one: {tuple(left.shape)} and {tuple(right.shape)} are "
            "not two sets of n points of one dimension."
        )
    if not (torch.isfinite(left).all() and torch.isfinite(right).all()):
        raise DataError("points to match must be finite numbers.")
    costs = Costs(left, right)
    fits = 8 * len(left) ** 2 <= dense_bytes
    if method == "dense" or (method == "auto" and fits):
        columns = least_cost(costs.table())
        rows = np.arange(len(left))
        cost = float(costs.of(Pairs(rows, columns.cpu().numpy())).sum())
        return Assignment(columns, cost, 0.0, "dense")
    return _sparse(costs, candidates, rounds)


def _sparse(costs: Costs, candidates: int, rounds: int) -> Assignment:
    """Solve, price all pairs, add those that would improve; the best solution of all rounds."""
    count = len(costs)
    width = min(candidates, count)
    pairs = nearest(costs, width).joined(nearest(costs.transposed(), width).transposed(), count)
    bound, held = -np.inf, 0
    columns: NDArray[np.int64] = np.arange(count)
    cost = np.inf
    done = 0
    for _ in range(rounds):
        done += 1
        pairs = completed(pairs, count)
        held = len(pairs.rows)
        values, unit = whole_numbers(costs.of(pairs))
        columns = solved(pairs, values, count)
        cost = float(costs.of(Pairs(np.arange(count), columns)).sum())
        of_columns = prices(pairs, values, columns) * unit
        found = unpriced(costs, columns, of_columns)
        bound = max(bound, found.bound)
        if cost - bound <= TOLERANCE * max(abs(cost), 1.0) or not len(found.pairs.rows):
            break
        pairs = pairs.joined(found.pairs, count)
    gap = max(0.0, cost - bound)
    return Assignment(torch.from_numpy(columns).to(costs.device), cost, gap, "sparse", done, held)
