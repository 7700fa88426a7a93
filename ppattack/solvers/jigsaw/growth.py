"""Complete a part of a puzzle piece by piece, the most certain place first.

The part may slide: it is set into an unbounded plane and only its extent is limited, so that
where the image begins and ends is decided by the pieces, not by the first one.
"""

from __future__ import annotations

import numpy as np

from ppattack.solvers.block_states import STEPS, Indices, States
from ppattack.solvers.jigsaw.candidates import Table
from ppattack.solvers.jigsaw.clusters import EMPTY, Placement


def grow(
    part: Placement,
    free: Indices,
    table: Table,
    group: States,
    indifferent: float,
    shape: tuple[int, int],
) -> Placement:
    """Add the free pieces to a part.

    Args:
        part: at least one piece, within ``shape``.
        free: the pieces to add, as many as the image has beside the part.
        table: surprises of the seams.
        group: the states.
        indifferent: the surprise of any seam; what a seam has less speaks for it.
        shape: rows and columns of the image.
    """
    if not len(free):
        return part
    growth = _Growth(part, free, table, group, indifferent, shape)
    for _ in range(len(free)):
        growth.add_best()
    return growth.result()


class _Growth:
    def __init__(
        self,
        part: Placement,
        free: Indices,
        table: Table,
        group: States,
        indifferent: float,
        shape: tuple[int, int],
    ) -> None:
        self._table, self._group, self._indifferent = table, group, indifferent
        # Picking a few columns pays; of most it would cost more than it saves.
        self._some = 2 * len(free) < table.shape[1]
        self._pieces = free if self._some else np.arange(table.shape[1])
        self._shape = np.array(shape)
        size = np.array(part.grid.shape)
        room = self._shape - size + 1  # one place more on each side, never filled
        self._grid = np.full(size + 2 * room, EMPTY, np.intp)
        self._state = np.zeros_like(self._grid)
        inside = tuple(slice(r, r + s) for r, s in zip(room, size, strict=True))
        self._grid[inside], self._state[inside] = part.grid, part.state
        used = np.argwhere(self._grid != EMPTY)
        self._low, self._high = used.min(0), used.max(0)
        self._closed = np.full(len(self._pieces), np.inf, np.float32)
        self._closed[np.isin(self._pieces, free)] = 0
        # A slot for every place of the frontier: the cost of each state of each piece there.
        slots = min(self._grid.size, 4 * table.shape[1])
        self._costs = np.empty((slots, table.shape[2], len(self._pieces)), np.float32)
        self._place = np.zeros((slots, 2), np.intp)
        self._best = np.full(slots, np.inf)
        self._choice = np.zeros(slots, np.intp)
        self._slot = np.full(self._grid.shape, EMPTY, np.intp)
        self._spare = list(range(slots))[::-1]
        changed: set[int] = set()
        for row, column in used.tolist():
            changed |= self._see(row, column)
        self._choose(changed)

    def _see(self, row: int, column: int) -> set[int]:
        """Add the costs of the seams with a piece to the empty places around it."""
        undo = int(self._group.inverse[self._state[row, column]])
        changed = set()
        for side, (down, right) in enumerate(STEPS.tolist()):
            at = row + down, column + right
            if not self._within(*at) or self._grid[at] != EMPTY:
                continue
            seen = self._table[self._group.side[undo, side], self._grid[row, column]]
            seen = seen.take(self._pieces, axis=1) if self._some else seen
            slot = int(self._slot[at])
            if slot == EMPTY:
                slot = self._slot[at] = self._spare.pop()
                self._place[slot] = at
                self._costs[slot] = self._closed
            self._costs[slot] += seen[self._group.compose[undo]] if len(seen) > 1 else seen
            self._costs[slot] -= self._indifferent
            changed.add(slot)
        return changed

    def _within(self, row: int, column: int) -> bool:
        """Whether a piece may come here: the extent stays within the image's."""
        rows = max(self._high[0], row) - min(self._low[0], row)
        columns = max(self._high[1], column) - min(self._low[1], column)
        return bool(rows < self._shape[0] and columns < self._shape[1])

    def _choose(self, slots: set[int]) -> None:
        for slot in slots:
            flat = self._costs[slot].reshape(-1)
            self._choice[slot] = flat.argmin()
            self._best[slot] = flat[self._choice[slot]]

    def add_best(self) -> None:
        """Put the piece that fits best anywhere into its place."""
        slot = int(self._best.argmin())
        row, column = self._place[slot].tolist()
        state, piece = divmod(int(self._choice[slot]), len(self._closed))
        self._grid[row, column], self._state[row, column] = self._pieces[piece], state
        self._release(slot)
        self._closed[piece] = np.inf
        live = np.isfinite(self._best)
        self._costs[np.flatnonzero(live), :, piece] = np.inf
        stale = live & (self._choice % len(self._closed) == piece)
        grew = not (self._low <= (row, column)).all() or not ((row, column) <= self._high).all()
        if grew:
            self._low = np.minimum(self._low, (row, column))
            self._high = np.maximum(self._high, (row, column))
            self._drop_places_out_of_reach()
            stale &= np.isfinite(self._best)
        self._choose(set(np.flatnonzero(stale).tolist()) | self._see(row, column))

    def _drop_places_out_of_reach(self) -> None:
        low, high = np.minimum(self._low, self._place), np.maximum(self._high, self._place)
        beyond = (high - low >= self._shape).any(1) & np.isfinite(self._best)
        for slot in np.flatnonzero(beyond).tolist():
            self._release(slot)

    def _release(self, slot: int) -> None:
        self._best[slot] = np.inf
        self._slot[tuple(self._place[slot])] = EMPTY
        self._spare.append(slot)

    def result(self) -> Placement:
        """What was put together."""
        box: tuple[slice, ...] = tuple(
            slice(low, high + 1) for low, high in zip(self._low, self._high, strict=True)
        )
        return Placement(self._grid[box].copy(), self._state[box].copy())
