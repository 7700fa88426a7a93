"""The stronger assembly, and the default: joins backed by squares, growth, rebuilding.

1. Joins are ordered by how little they surprise and by the best squares of pieces around them,
   and make clusters (a constrained tree), none of which outgrows the image.
2. The largest cluster grows piece by piece, the most certain place first.
3. Sets of pieces are re-assigned exactly; then weak parts are taken out and grown again, as
   often as that helps, and the whole slides to where its edges cut the worst seams.
4. Small puzzles start again, their joins in another order, and the best result is kept.

Reference for the ideas: A. Gallagher, CVPR 2012 (constrained tree); K. Son, J. Hays,
D. Cooper, "Solving Square Jigsaw Puzzles with Loop Constraints", ECCV 2014 (squares);
G. Paikin, A. Tal, "Solving Multiple Square Jigsaw Puzzles with Missing Pieces", CVPR 2015
(growth by confidence); D. Pomeranz, M. Shemesh, O. Ben-Shahar, CVPR 2011 (the largest part is
kept, shifted and completed again). The likelihoods and the exact re-assignments are this
project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import Arrangement, States
from ppattack.solvers.jigsaw.candidates import Joins, Seams, best_joins, square_gains
from ppattack.solvers.jigsaw.clusters import Clusters, Placement, turned_to_fit
from ppattack.solvers.jigsaw.growth import grow
from ppattack.solvers.jigsaw.refinement import reassign, rebuild, slid, total

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

    Returns:
        the arrangement, and notes: pieces in the first cluster, rounds that improved.
    """
    joins = best_joins(table, CANDIDATES)
    value = _worth(joins, table, group, indifferent)
    entries = int(np.prod(table.shape, dtype=np.float64))
    found, first, improved, least = None, 0, 0, np.inf
    for start in range(max(1, min(MOST_STARTS, ENTRIES_OF_ALL_STARTS // entries))):
        noise = rng.standard_normal(value.shape) * STRENGTHS[start % len(STRENGTHS)] if start else 0
        clusters = joined(
            Joins.ordered(joins, value + noise), Clusters(rows * columns, group, (rows, columns))
        )
        other, better = _grown(
            clusters.largest, table, rows, columns, group, indifferent, rng, rounds, patience
        )
        cost = total(other, table, group)
        if found is None or cost < least:
            found, least, improved = other, cost, better
            first = int(clusters.largest.filled.sum())
    assert found is not None  # noqa: S101 (there is at least one start)
    return found, {"first_cluster": first, "rebuilt_for_the_better": improved}


def _worth(joins: Joins, table: Seams, group: States, indifferent: float) -> NDArray[np.float64]:
    """``(4, n, K)``: in which order joins are made."""
    squares = [square_gains(table, joins, group, indifferent, turn) for turn in (1, 3)]
    value = joins.value.astype(np.float64) - sum(squares)
    value[joins.value >= indifferent] = np.inf
    return value


def _grown(
    part: Placement,
    table: Seams,
    rows: int,
    columns: int,
    group: States,
    indifferent: float,
    rng: np.random.Generator,
    rounds: int,
    patience: int,
) -> tuple[Arrangement, int]:
    """The whole image grown from a part, as good as rebuilding makes it."""
    found = min(
        (
            _completed(each, table, rows, columns, group, indifferent)
            for each in _orientations(part, rows, columns, group)
        ),
        key=lambda each: total(each, table, group),
    )
    found = slid(reassign(found, table, group, rng, IDLE), table, group)
    return rebuild(found, table, group, indifferent, rng, rounds, patience)


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
