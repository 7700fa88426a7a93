"""Growth of a part of a large puzzle: at each place only candidates of its neighbours are tried."""

from __future__ import annotations

import heapq

import numpy as np

from ppattack.block_states import STEPS, Indices, States
from ppattack.solvers.jigsaw.clusters import EMPTY, Placement
from ppattack.solvers.jigsaw.plane import Plane
from ppattack.solvers.jigsaw.sparse_table import SparseTable, Values

Place = tuple[int, int]


def grow_sparsely(
    part: Placement,
    free: Indices,
    table: SparseTable,
    group: States,
    indifferent: float,
    shape: tuple[int, int],
) -> Placement:
    """Add the free pieces to a part, the most certain place first.

    Args:
        part: at least one piece, within ``shape``.
        free: the pieces to add, as many as the image has beside the part.
        table: surprises of the seams.
        group: the states.
        indifferent: the surprise of an arbitrary seam; less than that speaks for a seam.
        shape: rows and columns of the image.
    """
    growth = _Growth(part, free, table, group, indifferent, shape)
    for _ in range(len(free)):
        growth.add_best()
    return growth.plane.placement()


class _Growth:
    def __init__(
        self,
        part: Placement,
        free: Indices,
        table: SparseTable,
        group: States,
        indifferent: float,
        shape: tuple[int, int],
    ) -> None:
        self.plane = Plane(part, shape)
        self._table, self._group, self._indifferent = table, group, indifferent
        self._free = np.zeros(len(table.pieces), np.bool_)
        self._free[free] = True
        self._undo, self._side = group.inverse.tolist(), group.side.tolist()
        # What each piece costs at a place, its best state, and what to subtract; by place.
        self._tried: dict[Place, tuple[Indices, Values, Indices, float]] = {}
        self._best: list[tuple[float, Place, int, int]] = []
        for place in self.plane.frontier():
            self._look(place)

    def _look(self, place: Place) -> None:
        """Weigh the candidates of a place whose surroundings changed."""
        seen = []
        for side, (down, right) in enumerate(STEPS.tolist()):
            at = place[0] + down, place[1] + right
            neighbour = int(self.plane.grid[at])
            if neighbour != EMPTY:
                undo = self._undo[self.plane.state[at]]
                seen.append((self._side[undo][side - 2], undo, neighbour))
        pieces, costs = self._table.around(seen)
        state = costs.argmin(0)
        least = costs[state, np.arange(len(pieces))]
        self._tried[place] = pieces, least, state, len(seen) * self._indifferent
        self._choose(place)

    def _choose(self, place: Place) -> None:
        pieces, least, state, expected = self._tried[place]
        left = np.flatnonzero(self._free[pieces])
        if len(left):
            best = left[least[left].argmin()]
            entry = float(least[best]) - expected, place, int(pieces[best]), int(state[best])
            heapq.heappush(self._best, entry)

    def add_best(self) -> None:
        """Put the piece that fits best anywhere into its place."""
        place, piece, state = self._next()
        self._free[piece] = False
        self._tried.pop(place, None)
        self.plane.put(*place, piece, state)
        for down, right in STEPS.tolist():
            beside = place[0] + down, place[1] + right
            if self.plane.open[beside]:
                self._look(beside)

    def _next(self) -> tuple[Place, int, int]:
        while self._best:
            value, place, piece, state = heapq.heappop(self._best)
            tried = self._tried.get(place)
            if tried is None or not self.plane.open[place]:
                continue
            if not self._free[piece]:
                self._choose(place)
            elif self._is_current(tried, piece, value):
                return place, piece, state
        # Nothing speaks for any of the pieces that are left.
        return self.plane.frontier()[0], int(np.flatnonzero(self._free)[0]), 0

    @staticmethod
    def _is_current(
        tried: tuple[Indices, Values, Indices, float], piece: int, value: float
    ) -> bool:
        """Whether an entry is of the surroundings that the place has now."""
        pieces, least, _, expected = tried
        at = int(np.searchsorted(pieces, piece))
        return at < len(pieces) and pieces[at] == piece and float(least[at]) - expected == value
