"""The steps of matching points without holding the table of their distances.

Candidate pairs are found by chunked matrix products, the sparse problem on them is solved by
SciPy, and prices of its columns bound the cost over all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CHUNK_BYTES = 64 << 20
"""Bytes of distances held at a time."""
NEW_CANDIDATES = 8
"""Pairs that one row gains per round, at most."""
SWEEPS = 5000
"""Sweeps of the price computation: more than the longest chain of exchanges met in practice."""
ROUNDING = 1e-9
LEVELS = 2.0**28
"""Whole numbers that costs are rounded to for the sparse solver. Where many costs are nearly tied
it undercuts by their smallest difference, again and again: with all 52 bits that can take for
ever. The rounding is in the gap that is reported."""

Indices = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of a row and a column.

    Args:
        rows: ``(k,)`` int64.
        columns: ``(k,)`` int64.
    """

    rows: Indices
    columns: Indices

    def transposed(self) -> Pairs:
        """Rows and columns exchanged."""
        return Pairs(self.columns, self.rows)

    def joined(self, other: Pairs, count: int) -> Pairs:
        """All pairs of both, each once, sorted by row, then column."""
        codes = [part.rows * count + part.columns for part in (self, other)]
        rows, columns = np.divmod(np.unique(np.concatenate(codes)), count)
        return Pairs(rows, columns)


class Costs:
    """Squared distances between two sets of points, computed on demand.

    Args:
        left: ``(n, d)``, the rows.
        right: ``(n, d)``, the columns.
    """

    def __init__(self, left: Tensor, right: Tensor) -> None:
        # Distances do not change with the origin, but their rounding does.
        centre = right.mean(dim=0)
        self._left, self._right = left - centre, right - centre
        self._left_squares = self._left.square().sum(dim=1)
        self._right_squares = self._right.square().sum(dim=1)
        self.device = left.device

    def __len__(self) -> int:
        return len(self._left)

    def transposed(self) -> Costs:
        """The same costs with rows and columns exchanged."""
        return Costs(self._right, self._left)

    def table(self) -> Tensor:
        """All costs, ``(n, n)`` float64."""
        left, right = self._left.double(), self._right.double()
        squares = left.square().sum(dim=1)[:, None] + right.square().sum(dim=1)
        return torch.addmm(squares, left, right.T, alpha=-2)

    def rows(self, start: int, stop: int) -> Tensor:
        """The costs of some rows, ``(stop - start, n)``, in the points' own precision."""
        squares = self._left_squares[start:stop, None] + self._right_squares
        return torch.addmm(squares, self._left[start:stop], self._right.T, alpha=-2)

    def chunks(self) -> list[tuple[int, int]]:
        """Ranges of rows whose costs fit into :data:`CHUNK_BYTES`."""
        step = max(1, CHUNK_BYTES // (len(self) * self._left.element_size()))
        return [(start, min(start + step, len(self))) for start in range(0, len(self), step)]

    def of(self, pairs: Pairs) -> Values:
        """The costs of pairs, exact to float64."""
        made = np.empty(len(pairs.rows))
        step = max(1, CHUNK_BYTES // (8 * self._left.shape[1]))
        for start in range(0, len(made), step):
            part = slice(start, start + step)
            rows = torch.from_numpy(pairs.rows[part]).to(self.device)
            columns = torch.from_numpy(pairs.columns[part]).to(self.device)
            difference = self._left[rows].double() - self._right[columns].double()
            made[part] = difference.square().sum(dim=1).cpu().numpy()
        return made


def nearest(costs: Costs, width: int) -> Pairs:
    """Each row with its ``width`` nearest columns."""
    found = [
        costs.rows(start, stop).topk(width, dim=1, largest=False, sorted=False).indices.cpu()
        for start, stop in costs.chunks()
    ]
    rows = np.repeat(np.arange(len(costs)), width)
    return Pairs(rows, torch.cat(found).flatten().numpy())


def completed(pairs: Pairs, count: int) -> Pairs:
    """The pairs, with as many more as it takes for a full matching to exist."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    ones = np.ones(len(pairs.rows), dtype=np.int8)
    graph = csr_array((ones, (pairs.rows, pairs.columns)), shape=(count, count))
    partner = maximum_bipartite_matching(graph, perm_type="column").astype(np.int64)
    single = np.flatnonzero(partner < 0)
    if not len(single):
        return pairs
    free = np.setdiff1d(np.arange(count), partner)
    return pairs.joined(Pairs(single, free), count)


def whole_numbers(values: Values) -> tuple[Values, float]:
    """The values as whole numbers from 1 to about :data:`LEVELS`, and what 1 stands for."""
    above = values - values.min()
    unit = float(above.max()) / LEVELS or 1.0
    return np.rint(above / unit) + 1.0, unit  # a stored 0 would count as no pair at all


def solved(pairs: Pairs, values: Values, count: int) -> Indices:
    """The cheapest full matching within the pairs: the column of each row.

    Args:
        pairs: sorted by row.
        values: their costs, whole numbers above 0.
        count: of rows, and of columns.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    graph = csr_array((values, (pairs.rows, pairs.columns)), shape=(count, count))
    rows, columns = min_weight_full_bipartite_matching(graph)
    found = np.empty(count, dtype=np.int64)
    found[rows] = columns
    return found


def prices(pairs: Pairs, values: Values, columns: Indices) -> Values:
    """Prices of the columns under which no row prefers another of its candidates to its own.

    They exist because the matching is optimal within the pairs. They are the lengths of shortest
    chains of exchanges, found by relaxing all pairs at once until nothing changes.
    """
    own = values[pairs.columns == columns[pairs.rows]]
    order = np.argsort(pairs.columns, kind="stable")
    rows = pairs.rows[order]
    step = values[order] - own[rows]
    source = columns[rows]
    present, first = np.unique(pairs.columns[order], return_index=True)
    made = np.zeros(len(columns))
    least = ROUNDING * max(float(own.mean()), 1e-30)
    for _ in range(SWEEPS):
        reached = np.minimum.reduceat(made[source] + step, first)
        if not (reached < made[present] - least).any():
            break
        made[present] = np.minimum(made[present], reached)
    return made


@dataclass(frozen=True)
class Unpriced:
    """What prices say about the whole table.

    Args:
        bound: no matching costs less.
        pairs: those that contradict the prices, the worst of each row.
    """

    bound: float
    pairs: Pairs


def unpriced(costs: Costs, columns: Indices, of_columns: Values) -> Unpriced:
    """Check all pairs against the prices: a bound for every matching, and contradicting pairs."""
    count = len(costs)
    width = min(NEW_CANDIDATES, count)
    price = torch.from_numpy(of_columns).to(costs.device)
    tops = []
    for start, stop in costs.chunks():
        reduced = costs.rows(start, stop)
        reduced -= price.to(reduced.dtype)
        tops.append(reduced.topk(width, dim=1, largest=False, sorted=False).indices.cpu())
    every = Pairs(np.repeat(np.arange(count), width), torch.cat(tops).flatten().numpy())
    # The few that count are computed again: chunks have only the points' own precision.
    exact = (costs.of(every) - of_columns[every.columns]).reshape(count, width)
    own = costs.of(Pairs(np.arange(count), columns)) - of_columns[columns]
    best = np.minimum(exact.min(axis=1), own)
    margin = ROUNDING * max(float(np.abs(own).mean()), 1e-30)
    against = (exact < own[:, None] - margin).ravel()
    return Unpriced(
        float(best.sum() + of_columns.sum()), Pairs(every.rows[against], every.columns[against])
    )
