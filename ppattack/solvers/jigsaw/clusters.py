"""Pieces joined into rigid clusters: a union-find whose labels are places and states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.block_states import STEPS, Indices, States

EMPTY = -1


@dataclass(frozen=True)
class Placement:
    """Pieces on a grid that may have holes.

    Args:
        grid: ``(rows, columns)``, the piece at each place, -1 if there is none.
        state: ``(rows, columns)``, the state that it is in.
    """

    grid: Indices
    state: Indices

    @property
    def filled(self) -> NDArray[np.bool_]:
        """The places that hold pieces."""
        return np.asarray(self.grid != EMPTY)


class Clusters:
    """Clusters of pieces, each with its own frame; at first every piece is a cluster of its own.

    Args:
        count: pieces.
        group: the states.
        limits: rows and columns that a cluster must fit into, as it is or turned by a quarter if
            the group has turns; None if clusters may grow to any size.
    """

    def __init__(self, count: int, group: States, limits: tuple[int, int] | None) -> None:
        self.members = [np.array([piece], np.intp) for piece in range(count)]
        self.home = list(range(count))
        self._group = group
        self._limits = None if limits is None else tuple(sorted(limits) if group.turns else limits)
        self._place = np.zeros((count, 2), np.intp)
        self._state = np.zeros(count, np.intp)
        reach = count if limits is None else max(limits)
        self._canvas = np.zeros((2 * reach + 1, 2 * reach + 1), np.bool_)

    def join(self, first: int, side: int, second: int, state: int) -> bool:
        """Put a piece beside another, each with its cluster; False if that is impossible.

        Args:
            first: a piece.
            side: a side of it as it is.
            second: the piece for that side.
            state: the state of the second piece relative to the first.
        """
        if self.home[first] == self.home[second]:
            return False
        if len(self.members[self.home[first]]) < len(self.members[self.home[second]]):
            back = int(self._group.inverse[state])
            side = int(self._group.side[back, (side + 2) % 4])
            first, second, state = second, first, back
        group, ours, theirs = self._group, self.home[first], self.home[second]
        moving = self.members[theirs]
        frame = self._state[first]
        turn = group.compose[group.compose[frame, state], group.inverse[self._state[second]]]
        place = self._place[moving] @ group.matrix[turn].T
        target = self._place[first] + STEPS[group.side[frame, side]]
        place += target - group.matrix[turn] @ self._place[second]
        if not self._free(self._place[self.members[ours]], place):
            return False
        self._place[moving] = place
        self._state[moving] = group.compose[turn, self._state[moving]]
        self.members[ours] = np.concatenate([self.members[ours], moving])
        self.members[theirs] = moving[:0]
        for piece in moving.tolist():
            self.home[piece] = ours
        return True

    def _free(self, ours: Indices, theirs: Indices) -> bool:
        """Whether places do not overlap, and stay within the limits together."""
        low = np.minimum(ours.min(0), theirs.min(0))
        extent = np.maximum(ours.max(0), theirs.max(0)) - low + 1
        if self._limits is not None:
            rows, columns = sorted(extent) if self._group.turns else extent
            if rows > self._limits[0] or columns > self._limits[1]:
                return False
        at, other = tuple((ours - low).T), tuple((theirs - low).T)
        self._canvas[at] = True
        overlap = bool(self._canvas[other].any())
        self._canvas[at] = False
        return not overlap

    @property
    def largest(self) -> Placement:
        """The cluster with the most pieces, in its bounding box."""
        members = max(self.members, key=len)
        place = self._place[members] - self._place[members].min(0)
        grid = np.full(place.max(0) + 1, EMPTY, np.intp)
        state = np.zeros_like(grid)
        grid[tuple(place.T)] = members
        state[tuple(place.T)] = self._state[members]
        return Placement(grid, state)


def turned_to_fit(placement: Placement, rows: int, columns: int, group: States) -> Placement:
    """The same, turned by a quarter if it fits only that way."""
    height, width = placement.grid.shape
    if (height <= rows and width <= columns) or not group.turns:
        return placement
    quarter = int(np.flatnonzero(group.dihedral == 1)[0])
    state = group.compose[quarter, placement.state]
    return Placement(np.rot90(placement.grid).copy(), np.rot90(state).copy())
