"""Improve a complete arrangement: exact re-assignments, and parts taken out and grown again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ppattack.block_states import Arrangement, Indices, States
from ppattack.solvers.jigsaw.candidates import Seams, Table
from ppattack.solvers.jigsaw.clusters import EMPTY, Placement
from ppattack.solvers.jigsaw.growth import grow
from ppattack.solvers.jigsaw.surroundings import Surroundings

SEAMS: tuple[tuple[int, Any, Any], ...] = (
    (0, np.s_[:, :-1], np.s_[:, 1:]),
    (1, np.s_[:-1], np.s_[1:]),
)
"""The side, and what stands on both sides, of the seams to the right and below."""
IDLE = 2
"""Fruitless re-assignments in a row after which a rebuilt arrangement counts as refined."""
MOST_REASSIGNMENTS = 12
WORTH_REFINING = 1.005
"""Rebuilt arrangements that cost more than this times the best one are not refined."""
SAME = 1e-6
"""Arrangements whose costs differ by less, relative to them, are taken to be the same."""
MOST_REGROWN = 24
"""How often a piece is taken out and grown again, on average over all pieces: if hardly anything
holds together, every round grows nearly everything again, and more rounds are of little use."""
WEAKEST, STRONGEST = 0.05, 0.7
"""Seams that may hold a part together: surprise relative to any seam's."""


def seam_values(found: Arrangement | Placement, table: Seams, group: States) -> list[Table]:
    """The entries of a table at the seams to the right, and at those below."""
    values = []
    for side, before, after in SEAMS:
        undo = group.inverse[found.state[before]]
        seen, relative = group.side[undo, side], group.compose[undo, found.state[after]]
        values.append(table[seen, found.grid[before], relative, found.grid[after]])
    return values


def seam_entries(found: Arrangement, group: States) -> list[tuple[Indices, ...]]:
    """Indices of a table ``(4, n, S, n)`` at all seams, each seen from both of its sides."""
    entries: list[tuple[Indices, ...]] = []
    for side, before, after in SEAMS:
        for here, there, k in ((before, after, side), (after, before, side + 2)):
            undo = group.inverse[found.state[here]]
            relative = group.compose[undo, found.state[there]]
            entries.append((group.side[undo, k], found.grid[here], relative, found.grid[there]))
    return entries


def total(found: Arrangement, table: Seams, group: States) -> float:
    """The sum of a table over all seams."""
    return sum(float(part.sum(dtype=np.float64)) for part in seam_values(found, table, group))


def reassign(
    start: Arrangement,
    table: Seams,
    group: States,
    rng: np.random.Generator,
    idle: int,
    surroundings: Surroundings | None = None,
) -> Arrangement:
    """Re-assign sets of pieces that do not touch, each set exactly, until nothing improves.

    Args:
        start: an arrangement.
        table: costs of the seams; their total over the result is no higher.
        group: the states.
        rng: draws the sets, after the two colours of a chessboard.
        idle: the most sets tried in a row without an improvement.
        surroundings: of an earlier arrangement; most may be the same.
    """
    rows, columns = start.grid.shape
    surroundings = surroundings or Surroundings(table, group)
    found = Arrangement(start.grid.copy(), start.state.copy())
    grid, state = found.grid.reshape(-1), found.state.reshape(-1)
    chessboard = np.add.outer(np.arange(rows), np.arange(columns)).reshape(-1) % 2
    tries = in_vain = 0
    while in_vain < idle and tries < MOST_REASSIGNMENTS * idle:
        chosen = np.flatnonzero(chessboard == tries) if tries < 2 else _apart(rows, columns, rng)
        tries += 1
        pieces = grid[chosen]
        costs = surroundings.least(found)[chosen[:, None], pieces]
        present = _around(found, table, group)[chosen]
        own, to = linear_sum_assignment(costs)
        after, before = costs[own, to], float(present.sum())
        if after.sum() < before - 1e-4 * abs(before):
            moved = (to != own) | (after < present - 1e-4 * np.abs(present))
            for place, piece in zip(
                chosen[moved].tolist(), pieces[to[moved]].tolist(), strict=True
            ):
                grid[place], state[place] = piece, surroundings.best_state(place, piece)
            in_vain = 0
        else:
            in_vain += 1
    return found


def _around(found: Arrangement, table: Seams, group: States) -> NDArray[np.float64]:
    """``(n,)``: the sum over the seams around each place, row by row."""
    sums = np.zeros(found.grid.shape)
    for (_, before, after), value in zip(SEAMS, seam_values(found, table, group), strict=True):
        sums[before] += value
        sums[after] += value
    return sums.reshape(-1)


def _apart(rows: int, columns: int, rng: np.random.Generator) -> Indices:
    """A random maximal set of places no two of which touch."""
    blocked = np.zeros((rows + 2, columns + 2), np.bool_)
    chosen = []
    for place in rng.permutation(rows * columns).tolist():
        row, column = divmod(place, columns)
        if not blocked[row + 1, column + 1]:
            chosen.append(place)
            blocked[row : row + 3, column + 1] = True
            blocked[row + 1, column : column + 3] = True
    return np.array(chosen, np.intp)


def slid(found: Arrangement, table: Seams, group: States) -> Arrangement:
    """The arrangement moved around cyclically so that the worst seams lie at the image's edges.

    A picture put together around a wrong piece at its edge is whole otherwise, but shifted, with
    what should be the first row or column behind the last.
    """
    grid, state = found.grid, found.state
    for axis, side in ((1, 0), (0, 1)):
        before, before_state = grid, state
        after, after_state = np.roll(grid, -1, axis), np.roll(state, -1, axis)
        undo = group.inverse[before_state]
        seams = table[group.side[undo, side], before, group.compose[undo, after_state], after]
        if grid.shape[axis] > 2:  # else both cuts are the same seam, or a piece beside itself
            worst = int(seams.sum(1 - axis, dtype=np.float64).argmax())
            grid = np.roll(grid, -1 - worst, axis)
            state = np.roll(state, -1 - worst, axis)
    return Arrangement(grid, state)


def rebuild(
    start: Arrangement,
    table: Seams,
    group: States,
    indifferent: float,
    rng: np.random.Generator,
    rounds: int,
    patience: int,
) -> tuple[Arrangement, int]:
    """Take parts out and grow them again, keeping what lowers the total.

    What stays is the largest part without a seam that is too surprising, or another such part,
    or all but the weak pieces and a window. The rest is grown around it again; the whole may
    slide, which mends an image that was put together in two halves around a wrong middle.

    Args:
        start: an arrangement.
        table: surprises of the seams.
        group: the states.
        indifferent: the surprise of an arbitrary seam.
        rng: draws what is taken out.
        rounds: how often, at most; less often if most pieces are taken out each time.
        patience: how often in a row without lowering the total.

    Returns:
        the arrangement, and how many rounds improved it.
    """
    best, least = start, total(start, table, group)
    improved = in_vain = regrown = 0
    surroundings = Surroundings(table, group)
    for _ in range(rounds):
        if in_vain == patience or regrown > MOST_REGROWN * start.grid.size:
            break
        in_vain += 1
        kept = _kept(best, table, group, indifferent, rng)
        if kept.all() or not kept.any():
            continue
        regrown += int((~kept).sum())
        part = _cropped(best, kept)
        grown = grow(part, best.grid[~kept], table, group, indifferent, best.grid.shape)
        found = Arrangement(grown.grid, grown.state)
        cost = total(found, table, group)
        again = abs(cost - least) <= SAME * least
        if cost < least * WORTH_REFINING and not again:
            found = slid(reassign(found, table, group, rng, IDLE, surroundings), table, group)
            cost = total(found, table, group)
        if cost < least * (1 - SAME):
            improved, in_vain = improved + 1, 0
        if cost <= least:
            best, least = found, cost
    return best, improved


def _kept(
    found: Arrangement, table: Seams, group: States, indifferent: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    labels = parts(found, table, group, indifferent * rng.uniform(WEAKEST, STRONGEST))
    sizes = np.bincount(labels.reshape(-1))
    kind = rng.integers(3)
    if kind == 0:
        return np.asarray(labels == sizes.argmax())
    if kind == 1:
        return np.asarray(labels == rng.choice(len(sizes), p=sizes / sizes.sum()))
    kept = np.asarray(sizes[labels] >= rng.integers(2, 8))
    rows, columns = kept.shape
    row, column = int(rng.integers(rows)), int(rng.integers(columns))
    reach = int(rng.integers(1, max(2, max(rows, columns) // 4)))
    kept[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = False
    return kept


def parts(found: Arrangement, table: Seams, group: States, most: float) -> Indices:
    """``(rows, columns)``: the number of each place's part; seams below ``most`` join parts."""
    number = np.arange(found.grid.size).reshape(found.grid.shape)
    values = seam_values(found, table, group)
    ends = [
        (number[before][value < most], number[after][value < most])
        for (_, before, after), value in zip(SEAMS, values, strict=True)
    ]
    first, second = (np.concatenate([end[i] for end in ends]) for i in (0, 1))
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(number.size, number.size))
    labels = connected_components(graph, directed=False)[1]
    return np.asarray(labels, np.intp).reshape(number.shape)


def _cropped(found: Arrangement, kept: NDArray[np.bool_]) -> Placement:
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grid = np.where(kept, found.grid, EMPTY)[box]
    return Placement(grid, found.state[box].copy())
