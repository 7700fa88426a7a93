"""Exchange rectangles of pieces that stand side by side, as long as that lowers the total.

A strip that was put together around a wrong piece is whole but for two halves in the wrong order.
Growing it again repeats the mistake, and single pieces do not mend it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import Arrangement, States
from ppattack.solvers.jigsaw.candidates import Seams

Costs = NDArray[np.float64]
MOST_PIECES = 400
"""Pieces of a puzzle in which it is tried: a round takes a tenth of a second of 196."""
MOST_EXCHANGES = 20
WORTH = 1e-3
"""The least that an exchange must gain, in units of surprise."""


def exchanged(found: Arrangement, table: Seams, group: States) -> Arrangement:
    """The arrangement after the best exchanges, one after another.

    Args:
        found: an arrangement.
        table: costs of the seams; their total over the result is no higher.
        group: the states.
    """
    if found.grid.size > MOST_PIECES:
        return found
    costs = _costs(found, table, group)
    places = np.arange(found.grid.size).reshape(found.grid.shape)
    for _ in range(MOST_EXCHANGES):
        gain, across = max(
            (_best(places, costs[0], costs[1]), False), (_best(places.T, costs[1], costs[0]), True)
        )
        if gain[0] < WORTH:
            break
        places = _moved(places.T, gain[1:]).T if across else _moved(places, gain[1:])
    return Arrangement(found.grid.reshape(-1)[places], found.state.reshape(-1)[places])


def _costs(found: Arrangement, table: Seams, group: States) -> tuple[Costs, Costs]:
    """``(n, n)`` for the sides to the right and below: of any piece with any other behind it."""
    grid, state = found.grid.reshape(-1), found.state.reshape(-1)
    undo = group.inverse[state][:, None]
    relative = group.compose[undo, state[None]]
    right, below = (
        table[group.side[undo, side], grid[:, None], relative, grid[None]] for side in (0, 1)
    )
    return right.astype(np.float64), below.astype(np.float64)


def _best(
    places: NDArray[np.intp], right: Costs, below: Costs
) -> tuple[float, int, int, int, int, int]:
    """What the best exchange of neighbours in a row gains, and its rows and three columns.

    Columns a to b and b to c change places in the rows from the first to the last: the seams that
    change are those at the three cuts, above the first row and below the last.
    """
    rows, columns = places.shape
    best = (0.0, 0, 0, 0, 0, 0)
    before = np.tril_indices(rows, -1)
    for a, b, c in combinations(range(columns + 1), 3):
        moved = np.concatenate([places[:, b:c], places[:, a:b]], 1)
        gain = right[places[:, b - 1], places[:, b]] - right[places[:, c - 1], places[:, a]]
        if a:
            gain += right[places[:, a - 1], places[:, a]] - right[places[:, a - 1], places[:, b]]
        if c < columns:
            gain += right[places[:, c - 1], places[:, c]] - right[places[:, b - 1], places[:, c]]
        old = below[places[:-1, a:c], places[1:, a:c]].sum(1)
        above = np.concatenate([[0.0], old - below[places[:-1, a:c], moved[1:]].sum(1)])
        under = np.concatenate([old - below[moved[:-1], places[1:, a:c]].sum(1), [0.0]])
        sums = np.cumsum(gain)
        gains = (above + gain - sums)[:, None] + (sums + under)[None]  # (first, last)
        gains[before] = -np.inf
        first, last = divmod(int(gains.argmax()), rows)
        if gains[first, last] > best[0]:
            best = (float(gains[first, last]), first, last, a, b, c)
    return best


def _moved(places: NDArray[np.intp], exchange: tuple[int, int, int, int, int]) -> NDArray[np.intp]:
    first, last, a, b, c = exchange
    made = places.copy()
    strip = places[first : last + 1]
    made[first : last + 1, a:c] = np.concatenate([strip[:, b:c], strip[:, a:b]], 1)
    return made
