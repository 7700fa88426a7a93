"""The published assembly: a constrained tree, trimmed to the image, its holes filled.

Reference: A. Gallagher, "Jigsaw Puzzles with Pieces of Unknown Orientation", CVPR 2012.

Deviations: only the best 32 joins on each side of each piece are looked at, instead of all with
a ratio up to the limit; states beyond turns are carried along the same way.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack.block_states import STEPS, Arrangement, States
from ppattack.solvers.jigsaw.assembly import joined
from ppattack.solvers.jigsaw.candidates import Joins, Table, best_joins
from ppattack.solvers.jigsaw.clusters import EMPTY, Clusters, Placement

CANDIDATES = 32
MOST_RATIO = 1.25
"""A join that costs more than this times the best other one is not made."""


def assemble(log_costs: Table, rows: int, columns: int, group: States) -> Arrangement:
    """Arrange the pieces.

    Args:
        log_costs: logarithms of the seams' costs.
        rows: pieces from top to bottom, rows · columns = n.
        columns: pieces from left to right.
        group: the states.
    """
    count = rows * columns
    joins = best_joins(log_costs, CANDIDATES)
    ratio = log_ratios(joins, log_costs, group)
    ratio[ratio > np.log(MOST_RATIO)] = np.inf
    clusters = joined(joins.ordered(ratio), Clusters(count, group, None))
    placement = trimmed(clusters.largest, rows, columns, group)
    while not placement.filled.all():
        _fill_one(placement, log_costs, group)
    return Arrangement(placement.grid, placement.state)


def log_ratios(joins: Joins, log_costs: Table, group: States) -> NDArray[np.float64]:
    """``(4, n, K)``: cost relative to the best other join at either side that meets."""
    count = log_costs.shape[1]
    two = torch.topk(torch.from_numpy(log_costs).view(4, count, -1), 2, dim=2, largest=False)
    best, other = two.values.numpy().transpose(2, 0, 1)
    back = group.inverse[joins.state]
    met = group.side[back, (np.arange(4)[:, None, None] + 2) % 4]
    rivals = []
    for mine, theirs in (
        (best[..., None], other[..., None]),
        (best[met, joins.piece], other[met, joins.piece]),
    ):
        rivals.append(np.where(joins.value <= mine, theirs, mine))
    return np.asarray(joins.value - np.minimum(*rivals), np.float64)


def trimmed(part: Placement, rows: int, columns: int, group: States) -> Placement:
    """The window of the image's shape, in both orientations, that holds most pieces of a part."""
    views = [part]
    if group.turns:
        quarter = int(np.flatnonzero(group.dihedral == 1)[0])
        views.append(Placement(np.rot90(part.grid), group.compose[quarter, np.rot90(part.state)]))
    windows = [_best_window(view, rows, columns) for view in views]
    return max(windows, key=lambda window: int(window.filled.sum()))


def _best_window(part: Placement, rows: int, columns: int) -> Placement:
    room = ((rows, rows), (columns, columns))
    filled = np.pad(part.filled, room).astype(np.intp)
    sums = np.pad(filled.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tall = sums[rows:] - sums[:-rows]
    inside = tall[:, columns:] - tall[:, :-columns]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    window = np.s_[row : row + rows, column : column + columns]
    grid = np.pad(part.grid, room, constant_values=EMPTY)[window]
    return Placement(grid.copy(), np.pad(part.state, room)[window].copy())


def _fill_one(placement: Placement, log_costs: Table, group: States) -> None:
    """Fill the hole with the most neighbours with the piece that costs least there."""
    filled = np.pad(placement.filled, 1).astype(np.intp)
    beside = filled[2:, 1:-1] + filled[:-2, 1:-1] + filled[1:-1, 2:] + filled[1:-1, :-2]
    hole = np.where(placement.filled, -1, beside).argmax()
    row, column = np.unravel_index(int(hole), placement.grid.shape)
    free = np.setdiff1d(np.arange(placement.grid.size), placement.grid)
    costs = np.zeros((group.count, len(free)))
    for side, (down, right) in enumerate(STEPS.tolist()):
        at = row + down, column + right
        if not all(0 <= p < s for p, s in zip(at, placement.grid.shape, strict=True)):
            continue
        if placement.grid[at] != EMPTY:
            undo = int(group.inverse[placement.state[at]])
            seen = log_costs[group.side[undo, (side + 2) % 4], placement.grid[at]]
            costs += np.exp(seen[group.compose[undo][:, None], free])
    state, piece = np.unravel_index(int(costs.argmin()), costs.shape)
    placement.grid[row, column], placement.state[row, column] = free[piece], state
