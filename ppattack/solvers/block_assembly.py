"""Put cipher blocks back together from the costs of their seams.

Blocks are joined in the order of confidence. Each cluster carries the place and the state of its
blocks relative to one another; joining two clusters turns one by a group element. The result is
then improved by exact re-assignments of blocks that do not touch each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.block_states import STEPS, Arrangement, Indices, States

Costs = NDArray[np.float32]
CANDIDATES = 6
"""Joins tried for each side of each block, best first."""
EMPTY = -1


@dataclass
class _Cluster:
    blocks: Indices  # (m,)
    places: Indices  # (m, 2) rows and columns
    state: Indices  # (m,)


def assemble(costs: Costs, rows: int, columns: int, group: States) -> Arrangement:
    """Join blocks greedily; never outgrows the image, so that nothing has to be cut off.

    Args:
        costs: ``(4, n, n, S)`` from :func:`ppattack.solvers.seams.seam_costs`.
        rows: blocks from top to bottom, rows · columns = n.
        columns: blocks from left to right.
        group: the states.
    """
    count = costs.shape[1]
    clusters = [
        _Cluster(np.array([b]), np.zeros((1, 2), np.intp), np.zeros(1, np.intp))
        for b in range(count)
    ]
    home = np.arange(count)
    for first, side, second, state in _joins(costs, group):
        if home[first] == home[second]:
            continue
        merged = _joined(
            clusters[home[first]], clusters[home[second]], (first, side, second, state), group
        )
        if merged is None or not _fits(merged, rows, columns):
            continue
        clusters[home[first]] = merged
        home[merged.blocks] = home[first]
        if len(merged.blocks) == count:
            break
    sizes = [len(clusters[home[b]].blocks) for b in range(count)]
    return _laid_out(clusters[home[int(np.argmax(sizes))]], costs, rows, columns, group)


def _joins(costs: Costs, group: States) -> list[tuple[int, int, int, int]]:
    """``(block, side, block, state)``, the most distinctive first.

    A cost counts relative to the second best on either of the two sides that meet.
    """
    sides, count, _, states = costs.shape
    flat = costs.reshape(sides, count, -1)
    kept = min(CANDIDATES, flat.shape[2])
    near = np.argpartition(flat, kept - 1, axis=2)[..., :kept]
    value = np.take_along_axis(flat, near, 2)
    order = np.argsort(value, axis=2, kind="stable")
    near, value = np.take_along_axis(near, order, 2), np.take_along_axis(value, order, 2)
    second, state = np.divmod(near, states)
    # Side of the second block, as it is, that meets the first one.
    across = (np.arange(4)[:, None, None] + 2) % 4
    met = group.side[group.inverse[state], across]
    runner_up = value[..., min(1, kept - 1)]
    here = np.where(near == near[..., :1], runner_up[..., None], value[..., :1])
    there = np.where(
        flat[met, second, np.arange(count)[None, :, None] * states + group.inverse[state]]
        <= value[met, second, 0],
        runner_up[met, second],
        value[met, second, 0],
    )
    ratio = value / np.maximum(np.minimum(here, there), 1e-6)
    ratio[~np.isfinite(value)] = np.inf
    side, first, rank = np.unravel_index(np.argsort(ratio, axis=None, kind="stable"), ratio.shape)
    second, state = second[side, first, rank], state[side, first, rank]
    return list(zip(first.tolist(), side.tolist(), second.tolist(), state.tolist(), strict=True))


def _joined(
    ours: _Cluster, theirs: _Cluster, join: tuple[int, int, int, int], group: States
) -> _Cluster | None:
    """Both clusters as one, in our frame; None where blocks would overlap."""
    first, side, second, state = join
    at = int(np.flatnonzero(ours.blocks == first)[0])
    their = int(np.flatnonzero(theirs.blocks == second)[0])
    frame = ours.state[at]
    turn = group.compose[group.compose[frame, state], group.inverse[theirs.state[their]]]
    places = theirs.places @ group.matrix[turn].T
    places += ours.places[at] + STEPS[group.side[frame, side]] - places[their]
    taken = set(map(tuple, ours.places.tolist()))
    if any(tuple(place) in taken for place in places.tolist()):
        return None
    return _Cluster(
        np.concatenate([ours.blocks, theirs.blocks]),
        np.concatenate([ours.places, places]),
        np.concatenate([ours.state, group.compose[turn, theirs.state]]),
    )


def _fits(cluster: _Cluster, rows: int, columns: int) -> bool:
    """Whether the cluster fits into the image, as it is or turned by a quarter."""
    extent = np.ptp(cluster.places, axis=0) + 1
    return bool((np.sort(extent) <= np.sort([rows, columns])).all())


def _laid_out(
    cluster: _Cluster, costs: Costs, rows: int, columns: int, group: States
) -> Arrangement:
    """Bring the cluster onto the image's grid and fill the gaps with the blocks left over."""
    extent = np.ptp(cluster.places, axis=0) + 1
    state, places = cluster.state, cluster.places
    if extent[0] > rows or extent[1] > columns:
        turn = int(np.flatnonzero(group.dihedral == 1)[0])
        places = places @ group.matrix[turn].T
        state = group.compose[turn, state]
    places = places - places.min(0)
    grid = np.full((rows, columns), EMPTY, np.intp)
    states = np.zeros((rows, columns), np.intp)
    grid[tuple(places.T)] = cluster.blocks
    states[tuple(places.T)] = state
    while (grid == EMPTY).any():
        _fill_one(grid, states, costs, group)
    return Arrangement(grid, states)


def _fill_one(grid: Indices, states: Indices, costs: Costs, group: States) -> None:
    """Fill the empty place with the most neighbours with the block that fits best."""
    filled = np.pad(grid != EMPTY, 1).astype(np.intp)
    beside = filled[2:, 1:-1] + filled[:-2, 1:-1] + filled[1:-1, 2:] + filled[1:-1, :-2]
    place = int(np.where(grid == EMPTY, beside, -1).argmax())
    free = np.setdiff1d(np.arange(grid.size), grid)
    table = placing_costs(grid, states, np.array([place]), free, costs, group)[0]
    best, state = np.unravel_index(int(table.argmin()), table.shape)
    grid.reshape(-1)[place], states.reshape(-1)[place] = free[best], state


def placing_costs(
    grid: Indices,
    states: Indices,
    places: Indices,
    blocks: Indices,
    costs: Costs,
    group: States,
) -> NDArray[np.float64]:
    """``(places, blocks, S)``: the cost of each block in each state at each place.

    Args:
        grid: the block at each place, -1 where there is none.
        states: the state of each block in place.
        places: numbers of places, row by row, no two of which touch each other.
        blocks: numbers of blocks that stand at none of their neighbours.
        costs: the seam costs.
        group: the states.
    """
    rows, columns = grid.shape
    total = np.zeros((len(places), len(blocks), group.count))
    for i, place in enumerate(places.tolist()):
        for side, step in enumerate(STEPS.tolist()):
            row, column = place // columns + step[0], place % columns + step[1]
            if not (0 <= row < rows and 0 <= column < columns) or grid[row, column] == EMPTY:
                continue
            undo = group.inverse[states[row, column]]
            seen = group.side[undo, (side + 2) % 4]
            total[i] += costs[seen, grid[row, column]][blocks][:, group.compose[undo]]
    return total


def total_cost(arrangement: Arrangement, costs: Costs, group: States) -> float:
    """The sum of the costs of all seams of an arrangement."""
    found = 0.0
    grid, state = arrangement.grid, arrangement.state
    for side, (before, after) in (
        (0, (np.s_[:, :-1], np.s_[:, 1:])),
        (1, (np.s_[:-1], np.s_[1:])),
    ):
        undo = group.inverse[state[before]]
        seen = group.side[undo, side]
        relative = group.compose[undo, state[after]]
        found += float(costs[seen, grid[before], grid[after], relative].sum(dtype=np.float64))
    return found


def refine(
    start: Arrangement, costs: Costs, group: States, rng: np.random.Generator, rounds: int
) -> tuple[Arrangement, int]:
    """Re-assign sets of blocks that do not touch, each set exactly, until nothing improves.

    Args:
        start: an arrangement.
        costs: the seam costs.
        group: the states.
        rng: draws the sets, after the two colours of a chessboard.
        rounds: the most sets tried in a row without an improvement.

    Returns:
        the arrangement, whose total cost is no higher, and how many sets improved it.
    """
    rows, columns = start.grid.shape
    grid, states = start.grid.copy(), start.state.copy()
    chessboard = np.add.outer(np.arange(rows), np.arange(columns)).reshape(-1) % 2
    improved = idle = turn = 0
    while idle < rounds:
        chosen = np.flatnonzero(chessboard == turn) if turn < 2 else _apart(rows, columns, rng)
        turn += 1
        blocks = grid.reshape(-1)[chosen]
        table = placing_costs(grid, states, chosen, blocks, costs, group)
        best = table.argmin(2)
        value = np.take_along_axis(table, best[..., None], 2)[..., 0]
        own = np.arange(len(chosen))
        before = table[own, own, states.reshape(-1)[chosen]].sum()
        _, to = linear_sum_assignment(value)
        if value[own, to].sum() < before * (1 - 1e-9):
            grid.reshape(-1)[chosen] = blocks[to]
            states.reshape(-1)[chosen] = best[own, to]
            improved, idle = improved + 1, 0
        else:
            idle += 1
    return Arrangement(grid, states), improved


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
