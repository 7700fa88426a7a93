"""What every piece would cost at every place of an arrangement, kept up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import STEPS, Arrangement, Indices, States
from ppattack.solvers.jigsaw.candidates import Seams
from ppattack.solvers.jigsaw.sparse_table import SparseTable

NOTHING = -1
KEPT_ROWS = 4
"""Surroundings remembered for each place; most come back, even when an image slides."""


class Surroundings:
    """Costs of pieces between the neighbours of a place; each surroundings looked up once.

    Args:
        table: costs of the seams.
        group: the states.
    """

    def __init__(self, table: Seams, group: States) -> None:
        self._table, self._group = table, group
        self._undo = group.inverse.tolist()
        self._side = group.side.tolist()
        self._known: dict[tuple[int, ...], NDArray[np.float32]] = {}
        self._around: list[tuple[int, ...]] = []

    def least(self, found: Arrangement) -> NDArray[np.float32]:
        """``(n, n)``: at each place, row by row, the seams around each piece in its best state."""
        self._around = [tuple(sides) for sides in self._neighbours(found).tolist()]
        if len(self._known) > KEPT_ROWS * len(self._around):
            self._known.clear()
        for sides in self._around:
            if sides not in self._known:
                self._known[sides] = self._between(sides)
        return np.stack([self._known[sides] for sides in self._around])

    def _neighbours(self, found: Arrangement) -> Indices:
        """``(n, 4)``: piece and state at each side of each place in one number."""
        rows, columns = found.grid.shape
        wide = np.full((rows + 2, columns + 2), NOTHING, np.intp)
        wide[1:-1, 1:-1] = found.grid * self._group.count + found.state
        sides = [wide[1 + d : 1 + d + rows, 1 + r : 1 + r + columns] for d, r in STEPS.tolist()]
        return np.stack(sides, 2).reshape(-1, len(STEPS))

    def _between(self, around: tuple[int, ...]) -> NDArray[np.float32]:
        if isinstance(self._table, SparseTable):
            seen = self._seen(around)
            pieces, costs = self._table.around(seen)
            least = np.full(len(self._table.pieces), self._table.other * len(seen), np.float32)
            least[pieces] = costs.min(0)
            return least
        parts = (
            self._table[side, neighbour].take(self._group.compose[undo], axis=0, mode="clip")
            for side, undo, neighbour in self._seen(around)
        )
        sums = next(parts)  # there is a neighbour wherever there are two pieces
        for part in parts:
            sums += part
        return np.asarray(sums.min(0))

    def _seen(self, around: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """For each neighbour its side that is met, what undoes its state, and its number."""
        found = []
        states = len(self._undo)
        for side, number in enumerate(around):
            if number != NOTHING:
                undo = self._undo[number % states]
                found.append((self._side[undo][side - 2], undo, number // states))
        return found

    def best_state(self, place: int, piece: int) -> int:
        """The state in which a piece costs least at a place of the last arrangement."""
        sums = np.zeros(self._group.count, np.float32)
        for side, undo, neighbour in self._seen(self._around[place]):
            sums += self._table[side, neighbour, self._group.compose[undo], piece]
        return int(sums.argmin())
