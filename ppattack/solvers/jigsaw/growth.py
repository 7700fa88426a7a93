"""Complete a part of a puzzle piece by piece, the most certain place first.

The part may slide: see :mod:`ppattack.solvers.jigsaw.plane`.
"""

from __future__ import annotations

import numpy as np

from ppattack.block_states import STEPS, Indices, States
from ppattack.solvers.jigsaw.candidates import Seams, Table
from ppattack.solvers.jigsaw.clusters import EMPTY, Placement
from ppattack.solvers.jigsaw.plane import Plane
from ppattack.solvers.jigsaw.sparse_growth import grow_sparsely
from ppattack.solvers.jigsaw.sparse_table import SparseTable


def grow(
    part: Placement,
    free: Indices,
    table: Seams,
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
        indifferent: the surprise of an arbitrary seam; less than that speaks for a seam.
        shape: rows and columns of the image.
    """
    if not len(free):
        return part
    if isinstance(table, SparseTable):
        return grow_sparsely(part, free, table, group, indifferent, shape)
    growth = _Growth(part, free, table, group, indifferent, shape)
    for _ in range(len(free)):
        growth.add_best()
    return growth.plane.placement()


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
        # Picking a few columns pays; picking most of them would cost more than it saves.
        self._some = 2 * len(free) < table.shape[1]
        self._pieces = free if self._some else np.arange(table.shape[1])
        self.plane = Plane(part, shape)
        self._taken = np.full(len(self._pieces), np.inf, np.float32)
        self._taken[np.isin(self._pieces, free)] = 0
        # A slot for every place of the frontier: what speaks against each piece there.
        slots = min(self.plane.grid.size, 4 * table.shape[1])
        self._costs = np.empty((slots, table.shape[2], len(self._pieces)), np.float32)
        self._least = np.empty((slots, len(self._pieces)), np.float32)
        self._seams = np.zeros(slots, np.intp)
        self._seen = np.empty_like(self._costs[0])
        self._columns: dict[int, Indices] = {}
        self._place = np.zeros((slots, 2), np.intp)
        self._best = np.full(slots, np.inf)
        self._choice = np.full(slots, EMPTY, np.intp)
        self._slot = np.full(self.plane.grid.shape, EMPTY, np.intp)
        self._spare = list(range(slots))[::-1]
        # Released slots are used again first, so that those in use are the first ones.
        self._top = 0
        for row, column in self.plane.edge():
            self._see(row, column)
        self._weigh(self._slot[self._slot != EMPTY].tolist())

    def _see(self, row: int, column: int) -> list[int]:
        """Add the costs of the seams with a piece to the open places around it."""
        undo = int(self._group.inverse[self.plane.state[row, column]])
        changed = []
        for side, (down, right) in enumerate(STEPS.tolist()):
            at = row + down, column + right
            if not self.plane.open[at]:
                continue
            seen = self._table[self._group.side[undo, side], self.plane.grid[row, column]]
            slot = int(self._slot[at])
            if slot == EMPTY:
                slot = self._slot[at] = self._spare.pop()
                self._top = max(self._top, slot + 1)
                self._place[slot] = at
                self._seams[slot] = 0
                self._look_up(seen, undo, self._costs[slot])
            else:
                self._look_up(seen, undo, self._seen)
                self._costs[slot] += self._seen
            self._seams[slot] += 1
            changed.append(slot)
        return changed

    def _look_up(self, seen: Table, undo: int, into: Table) -> None:
        """``(S, pieces)``: the entries of a side for states relative to the image."""
        if not self._some:
            np.take(seen, self._group.compose[undo], axis=0, out=into, mode="clip")
            return
        if undo not in self._columns:
            rows = self._group.compose[undo][:, None]
            self._columns[undo] = rows * seen.shape[1] + self._pieces
        np.take(seen.reshape(-1), self._columns[undo], out=into, mode="clip")

    def _weigh(self, slots: list[int]) -> None:
        """Find the best piece for places whose surroundings changed."""
        for slot in slots:
            np.add(self._costs[slot].min(0), self._taken, out=self._least[slot])
        self._choose(np.array(slots, np.intp))

    def _choose(self, slots: Indices) -> None:
        least = self._least[slots]
        self._choice[slots] = least.argmin(1)
        self._best[slots] = least.min(1) - self._seams[slots] * self._indifferent

    def add_best(self) -> None:
        """Put the piece that fits best anywhere into its place."""
        slot = int(self._best[: self._top].argmin())
        row, column = self._place[slot].tolist()
        piece = int(self._choice[slot])
        state = int(self._costs[slot, :, piece].argmin())
        lost = self.plane.put(row, column, int(self._pieces[piece]), state)
        self._release(slot)
        self._taken[piece] = np.inf
        self._least[: self._top, piece] = np.inf
        if lost is not None:
            for gone in self._slot[lost & (self._slot != EMPTY)].tolist():
                self._release(gone)
        self._choose(np.flatnonzero(self._choice[: self._top] == piece))
        self._weigh(self._see(row, column))

    def _release(self, slot: int) -> None:
        self._best[slot] = np.inf
        self._choice[slot] = EMPTY
        self._slot[tuple(self._place[slot])] = EMPTY
        self._spare.append(slot)
