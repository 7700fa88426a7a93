"""The stronger assembly, and the default: joins backed by squares, growth, rebuilding.

1. Joins are ordered by how little they surprise and by the best squares of pieces around them,
   and make clusters (a constrained tree), none of which outgrows the image.
2. The largest cluster grows piece by piece, the most certain place first.
3. Sets of pieces are re-assigned exactly; then weak parts are taken out and grown again, as
   often as that helps, and the whole slides to where its edges cut the worst seams. If pieces only
   moved and are few, mean-field annealing follows. Rectangles that stand side by side change
   places.
4. Small puzzles, and others if asked, start again, their joins in another order. Then the best
   results are crossed: two of them are drawn, and pieces that stand side by side in both are held
   together when the next one grows; or the annealing starts from the mean of both. The best of all
   is kept.

Reference for the ideas: A. Gallagher, CVPR 2012 (constrained tree); K. Son, J. Hays,
D. Cooper, "Solving Square Jigsaw Puzzles with Loop Constraints", ECCV 2014 (squares);
G. Paikin, A. Tal, "Solving Multiple Square Jigsaw Puzzles with Missing Pieces", CVPR 2015
(growth by confidence); D. Pomeranz, M. Shemesh, O. Ben-Shahar, CVPR 2011 (the largest part is
kept, shifted and completed again); D. Sholomon, O. David, N. Netanyahu, CVPR 2013 (results are
crossed); for the annealing see :mod:`.relaxation`. The likelihoods, the exact re-assignments and
the mean of results as a start are this project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import BELOW, RIGHT, Arrangement, Indices, States
from ppattack.solvers.jigsaw.candidates import Joins, Seams, best_joins, square_gains
from ppattack.solvers.jigsaw.clusters import Clusters, Placement, turned_to_fit
from ppattack.solvers.jigsaw.exchanges import exchanged
from ppattack.solvers.jigsaw.growth import grow
from ppattack.solvers.jigsaw.refinement import (
    SAME,
    reassign,
    rebuild,
    seam_entries,
    slid,
    total,
)
from ppattack.solvers.jigsaw.relaxation import aligned, relaxed
from ppattack.solvers.jigsaw.sparse_table import SparseTable

CANDIDATES = 10
"""Joins tried at each side of each piece."""
MOST_STARTS = 8
"""How often joins are made in another order, if puzzles are small."""
ENTRIES_OF_ALL_STARTS = 1 << 21
"""Entries of the table of seams, times starts: large tables take too long for a second start."""
STRENGTHS = (1.0, 3.0)
"""Deviations of the noise that changes the order, in units of surprise; found by trial."""
IDLE = 4
"""Fruitless re-assignments in a row before the rebuilding."""
MOST_CROSSINGS = 30
"""Results crossed after the starts, if puzzles are small."""
PARENTS = 6
"""The best results, two of which are crossed."""
AGREEING = 3
"""So many results that cost the least end the search."""
TRUST = 3.0
"""Subtracted from the surprise of a seam that both parents have."""
MOST_ANNEALED = 400
"""Pieces of a puzzle that is annealed: 0.05 s for 196 pieces, by their number cubed."""
ROUNDS_IF_ANNEALED, PATIENCE_IF_ANNEALED = 60, 25
"""Rounds of rebuilding are enough then, which take most of the time."""


@dataclass(frozen=True)
class _Result:
    cost: float
    found: Arrangement
    first: int
    improved: int


@dataclass(frozen=True)
class _Guide:
    """What the pieces are put together by.

    Args:
        table: surprises of the seams.
        joins: the likeliest of them.
        value: ``(4, n, K)``: in which order joins are made.
    """

    table: Seams
    joins: Joins
    value: NDArray[np.float64]

    @classmethod
    def of(cls, table: Seams, group: States, indifferent: float) -> _Guide:
        """The joins of a table."""
        joins = best_joins(table, CANDIDATES)
        return cls(table, joins, _worth(joins, table, group, indifferent))


def assemble(
    table: Seams,
    rows: int,
    columns: int,
    group: States,
    indifferent: float,
    rng: np.random.Generator,
    *,
    rounds: int,
    patience: int,
    attempts: int = 0,
) -> tuple[Arrangement, Mapping[str, Any]]:
    """Arrange the pieces.

    Args:
        table: surprises of the seams.
        rows: pieces from top to bottom, rows · columns = n.
        columns: pieces from left to right.
        group: the states.
        indifferent: the surprise of an arbitrary seam.
        rng: draws what is re-assigned and rebuilt.
        rounds: parts taken out and grown again, at most.
        patience: the same in a row without an improvement.
        attempts: results, at most, whatever the size of the table; 0: one if it is large.

    Returns:
        the arrangement, and notes: pieces in the first cluster, rounds that improved.
    """
    entries = int(np.prod(table.shape, dtype=np.float64))
    starts = min(MOST_STARTS, attempts or max(1, ENTRIES_OF_ALL_STARTS // entries))
    most = attempts or (starts + MOST_CROSSINGS if starts > 1 else 1)
    annealed = group.count == 1 and rows * columns <= MOST_ANNEALED
    if annealed:
        rounds, patience = min(rounds, ROUNDS_IF_ANNEALED), min(patience, PATIENCE_IF_ANNEALED)
    search = _Search(table, (rows, columns), group, indifferent, rng, rounds, patience, annealed)
    own = _Guide.of(table, group, indifferent)
    results = [search.attempt(own, 0.0)]
    for number in range(1, most):
        if _agreed(results):
            break
        noise = STRENGTHS[number % len(STRENGTHS)]
        if number < starts:
            results.append(search.attempt(own, noise))
        elif annealed and number % 2:
            results.append(search.mean(results))
        else:
            crossed = _crossed(results, table, group, indifferent, rng)
            results.append(search.attempt(_Guide.of(crossed, group, indifferent), noise))
    best = min(results, key=lambda each: each.cost)
    notes = {"first_cluster": best.first, "rebuilt_for_the_better": best.improved}
    return best.found, {**notes, "attempts": len(results)}


@dataclass(frozen=True)
class _Search:
    """How results are made.

    Args:
        table: surprises of the seams.
        shape: rows and columns of the image.
        group: the states.
        indifferent: the surprise of an arbitrary seam.
        rng: draws what is re-assigned, rebuilt and crossed.
        rounds: see :func:`assemble`.
        patience: likewise.
        annealed: whether mean-field annealing follows.
    """

    table: Seams
    shape: tuple[int, int]
    group: States
    indifferent: float
    rng: np.random.Generator
    rounds: int
    patience: int
    annealed: bool

    def attempt(self, guide: _Guide, noise: float) -> _Result:
        """One result: put together by the guide, improved by the table itself."""
        table, group, rng = self.table, self.group, self.rng
        value = guide.value
        if noise:
            value = value + rng.standard_normal(value.shape) * noise
        order = Joins.ordered(guide.joins, value)
        clusters = Clusters(self.shape[0] * self.shape[1], group, self.shape)
        part = joined(order, clusters).largest
        found = min(
            (
                _completed(each, guide.table, *self.shape, group, self.indifferent)
                for each in _orientations(part, *self.shape, group)
            ),
            key=lambda each: total(each, table, group),
        )
        found = slid(reassign(found, table, group, rng, IDLE), table, group)
        found, improved = rebuild(
            found, table, group, self.indifferent, rng, self.rounds, self.patience
        )
        if self.annealed:
            found = min(
                found, self._anneal([found.grid]), key=lambda each: total(each, table, group)
            )
        found = exchanged(found, table, group)
        return _Result(total(found, table, group), found, int(part.filled.sum()), improved)

    def mean(self, results: list[_Result]) -> _Result:
        """What comes of the mean of two of the best results."""
        first, second = (each.found.grid for each in _parents(results, self.rng))
        found = self._anneal([first, aligned(first, second)])
        found = exchanged(found, self.table, self.group)
        return _Result(total(found, self.table, self.group), found, found.grid.size, 0)

    def _anneal(self, grids: list[Indices]) -> Arrangement:
        """The arrangement near one, or between several, of pieces that only moved."""
        every = np.arange(grids[0].size)
        right, below = (self.table[side, every[:, None], 0, every] for side in (RIGHT, BELOW))
        grid = relaxed(grids, right, below)
        found = slid(Arrangement(grid, np.zeros_like(grid)), self.table, self.group)
        found = reassign(found, self.table, self.group, self.rng, IDLE)
        return slid(found, self.table, self.group)


def _agreed(results: list[_Result]) -> bool:
    """Whether several attempts came to the least cost."""
    least = min(each.cost for each in results)
    return sum(each.cost <= least * (1 + SAME) for each in results) >= AGREEING


def _parents(results: list[_Result], rng: np.random.Generator) -> list[_Result]:
    """Two of the best results of different costs; one if there are no others."""
    best = sorted({each.cost: each for each in results}.items())[:PARENTS]
    if len(best) == 1:
        return [best[0][1]] * 2
    return [best[each][1] for each in rng.choice(len(best), 2, replace=False)]


def _crossed(
    results: list[_Result],
    table: Seams,
    group: States,
    indifferent: float,
    rng: np.random.Generator,
) -> Seams:
    """The table, with the seams that two of the best results have in common made likely."""
    if isinstance(table, SparseTable):  # of large puzzles, of which a copy takes too long
        return table
    parents = _parents(results, rng)
    if parents[0] is parents[1]:
        return table
    common = np.zeros(table.shape, np.uint8)
    for each in parents:
        for entries in seam_entries(each.found, group):
            common[entries] += 1
    shared = common == len(parents)
    guide = table.copy()
    guide[shared] = np.minimum(guide[shared], indifferent / 2) - TRUST
    return guide


def _worth(joins: Joins, table: Seams, group: States, indifferent: float) -> NDArray[np.float64]:
    """``(4, n, K)``: in which order joins are made."""
    squares = [square_gains(table, joins, group, indifferent, turn) for turn in (1, 3)]
    value = joins.value.astype(np.float64) - sum(squares)
    value[joins.value >= indifferent] = np.inf
    return value


def joined(order: list[tuple[int, int, int, int]], clusters: Clusters) -> Clusters:
    """Make joins in turn, each if it fits all those before it."""
    left = len(clusters.home) - 1
    for first, side, second, state in order:
        if left and clusters.join(first, side, second, state):
            left -= 1
    return clusters


def _orientations(part: Placement, rows: int, columns: int, group: States) -> list[Placement]:
    """The part as it is or turned by a quarter, whichever fits the image; both if it is square."""
    as_it_is = turned_to_fit(part, rows, columns, group)
    turned = turned_to_fit(as_it_is, 0, 0, group)
    height, width = turned.grid.shape
    if rows == columns or not group.turns or height > rows or width > columns:
        return [as_it_is]
    return [as_it_is, turned]


def _completed(
    part: Placement, table: Seams, rows: int, columns: int, group: States, indifferent: float
) -> Arrangement:
    free = np.setdiff1d(np.arange(rows * columns), part.grid)
    grown = grow(part, free, table, group, indifferent, (rows, columns))
    return Arrangement(grown.grid, grown.state)
