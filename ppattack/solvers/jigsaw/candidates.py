"""The joins worth trying: the best few at each side of each piece, and what speaks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack.block_states import Indices, States
from ppattack.solvers.jigsaw.sparse_table import SparseTable

Table = NDArray[np.float32]
"""A table of all seams, ``(4, n, S, n)``: a number for each."""
Seams = Table | SparseTable
"""A table of all seams, or of those that are likely."""
CHUNK_NUMBERS = 1 << 23
"""Numbers held at a time."""


@dataclass(frozen=True)
class Joins:
    """The K best joins at each side of each piece, best first, ``(4, n, K)`` each.

    Args:
        value: the entry of the table.
        state: the state of the second piece relative to the first.
        piece: the second piece.
    """

    value: NDArray[np.float32]
    state: Indices
    piece: Indices

    def ordered(self, value: NDArray[np.float64]) -> list[tuple[int, int, int, int]]:
        """``(piece, side, piece, state)`` of all finite joins by ascending value."""
        order = np.argsort(value, axis=None, kind="stable")
        order = order[: np.isfinite(value).sum()]
        side, first, rank = np.unravel_index(order, value.shape)
        second, state = self.piece[side, first, rank], self.state[side, first, rank]
        found = (first.tolist(), side.tolist(), second.tolist(), state.tolist())
        return list(zip(*found, strict=True))


def best_joins(table: Seams, kept: int) -> Joins:
    """Look up the smallest entries.

    Args:
        table: numbers of the seams.
        kept: K, at most as many as there are other pieces in all states.
    """
    if isinstance(table, SparseTable):
        value, state, rank = _smallest(table.value, kept)
        first = np.arange(len(table.pieces))[None, :, None]
        return Joins(value, state, table.pieces[first, rank])
    _, count, states, _ = table.shape
    return Joins(*_smallest(table, min(kept, (count - 1) * states)))


def _smallest(table: Table, kept: int) -> tuple[NDArray[np.float32], Indices, Indices]:
    """``(4, n, kept)`` each: values, states and last indices of the smallest entries."""
    sides, count, _, width = table.shape
    flat = torch.from_numpy(table).view(sides * count, -1)
    kept = min(kept, flat.shape[1])
    step = max(1, CHUNK_NUMBERS // flat.shape[1])
    parts = [
        torch.topk(flat[start : start + step], kept, dim=1, largest=False)
        for start in range(0, len(flat), step)
    ]
    shape = (sides, count, kept)
    value = torch.cat([part.values for part in parts]).numpy().reshape(shape)
    state, last = np.divmod(torch.cat([part.indices for part in parts]).numpy(), width)
    return value, state.reshape(shape), last.reshape(shape)


def square_gains(
    table: Seams, joins: Joins, group: States, indifferent: float, turn: int
) -> NDArray[np.float32]:
    """``(4, n, K)``: how much the best square of pieces on one side of a join speaks for it.

    Two pieces that belong together have neighbours that belong together: among the candidates
    beside the first and beside the second piece, those are taken that fit each other best.

    Args:
        table: surprises of the seams.
        joins: candidates.
        group: the states.
        indifferent: the surprise of an arbitrary seam.
        turn: 1 for the squares on the left-hand side of the joins, 3 for the others.
    """
    _, count, kept = joins.value.shape
    found = np.empty_like(joins.value)
    step = max(1, CHUNK_NUMBERS // (8 * kept**3))
    for side in range(4):
        for start in range(0, count, step):
            first = np.arange(start, min(count, start + step))[:, None]
            second, state = joins.piece[side, first[:, 0]], joins.state[side, first[:, 0]]
            beside = np.full_like(second, (side + turn) % 4)
            seen = group.side[group.inverse[state], beside]  # the same side, by the second piece
            third = joins.piece[beside, first]
            fourth = joins.piece[seen, second]
            third_state = joins.state[beside, first]
            fourth_state = group.compose[state[..., None], joins.state[seen, second]]
            back = group.inverse[third_state]
            closing = table[
                group.side[back, side][..., None],
                third[..., None],
                group.compose[back[..., None], fourth_state[..., None, :]],
                fourth[..., None, :],
            ]
            total = closing + joins.value[beside, first][..., None]
            total += joins.value[seen, second][..., None, :]
            total[third[..., None] == fourth[..., None, :]] = np.inf
            total[third == second[..., None]] = np.inf
            total.swapaxes(2, 3)[fourth == first[..., None]] = np.inf
            found[side, first[:, 0]] = 3 * indifferent - total.min((2, 3))
    return np.maximum(found, 0)
