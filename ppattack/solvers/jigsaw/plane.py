"""The unbounded plane in which a part of a puzzle grows: only its extent is limited.

So all the pieces, not the first one, decide where the image begins and ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import STEPS
from ppattack.solvers.jigsaw.clusters import EMPTY, Placement


class Plane:
    """A part of a puzzle and the places that are open to other pieces.

    Args:
        part: at least one piece, within ``shape``.
        shape: rows and columns of the image.
    """

    def __init__(self, part: Placement, shape: tuple[int, int]) -> None:
        self._shape = np.array(shape)
        size = np.array(part.grid.shape)
        room = self._shape - size + 1  # one place more on each side, never filled
        self.grid = np.full(size + 2 * room, EMPTY, np.intp)
        self.state = np.zeros_like(self.grid)
        inside = tuple(slice(r, r + s) for r, s in zip(room, size, strict=True))
        self.grid[inside], self.state[inside] = part.grid, part.state
        used = np.argwhere(self.grid != EMPTY)
        self._low, self._high = used.min(0), used.max(0)
        self.open = self._in_reach() & (self.grid == EMPTY)

    def _in_reach(self) -> NDArray[np.bool_]:
        """Where pieces may go: the extent stays within the image's."""
        first, last = self._high - self._shape + 1, self._low + self._shape - 1
        reach = np.zeros(self.grid.shape, np.bool_)
        reach[max(0, first[0]) : last[0] + 1, max(0, first[1]) : last[1] + 1] = True
        return reach

    def edge(self) -> list[tuple[int, int]]:
        """The pieces beside open places."""
        places = np.argwhere(self.grid != EMPTY)
        beside = places[:, None] + STEPS
        at_the_edge = self.open[beside[..., 0], beside[..., 1]].any(1)
        return [(row, column) for row, column in places[at_the_edge].tolist()]

    def frontier(self) -> list[tuple[int, int]]:
        """The open places beside pieces."""
        filled = self.grid != EMPTY
        near = np.zeros_like(filled)
        for down, right in STEPS.tolist():
            near |= np.roll(filled, (down, right), (0, 1))
        return [(row, column) for row, column in np.argwhere(near & self.open).tolist()]

    def put(self, row: int, column: int, piece: int, state: int) -> NDArray[np.bool_] | None:
        """Fill an open place; returns the places that are no longer in reach, if there are any."""
        self.grid[row, column], self.state[row, column] = piece, state
        self.open[row, column] = False
        if (self._low <= (row, column)).all() and (self._high >= (row, column)).all():
            return None
        self._low = np.minimum(self._low, (row, column))
        self._high = np.maximum(self._high, (row, column))
        lost = self.open & ~self._in_reach()
        self.open &= ~lost
        return np.asarray(lost)

    def placement(self) -> Placement:
        """The part as it is now."""
        box: tuple[slice, ...] = tuple(
            slice(low, high + 1) for low, high in zip(self._low, self._high, strict=True)
        )
        return Placement(self.grid[box].copy(), self.state[box].copy())
