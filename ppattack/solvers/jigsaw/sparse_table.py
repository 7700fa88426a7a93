"""The table of seams of large puzzles: only those between pieces that may be neighbours.

Of thousands of pieces nearly all are too unlike a given one to stand beside it, and the table
of all seams would not fit into memory. Here each piece has a list of candidates, and their seams
are compared as in :mod:`.seam_table`; every other seam counts as one that nothing speaks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.solvers.jigsaw.compatibility import Measure
from ppattack.solvers.jigsaw.lines import BEFORE, BorderLines, border_lines
from ppattack.solvers.jigsaw.seam_table import (
    DOUBT,
    after_side,
    average,
    in_states,
    met_sides,
    normalised,
    per_element,
)

Values = NDArray[np.float32]
CHUNK_NUMBERS = 1 << 19
"""Costs processed at a time."""
NOT_LISTED = -1


@dataclass(frozen=True)
class SparseTable:
    """Surprises of the seams between candidates.

    Args:
        pieces: ``(n, K)``, the candidates of each piece.
        value: ``(4, n, S, K)``: candidate k in state s at side j of piece a is ``[j, a, s, k]``.
        other: the surprise of every other seam.
        group: the states.
    """

    pieces: Indices
    value: Values
    other: float
    group: States
    _slot: NDArray[np.int16] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        count, kept = self.pieces.shape
        slot = np.full((count, count), NOT_LISTED, np.int16)
        np.put_along_axis(slot, self.pieces, np.arange(kept, dtype=np.int16)[None], 1)
        object.__setattr__(self, "_slot", slot)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """That of the table of all seams, ``(4, n, S, n)``."""
        sides, count, states, _ = self.value.shape
        return sides, count, states, count

    def __getitem__(self, index: tuple[Indices | int, ...]) -> Values:
        """Entries ``[side, first, state, second]``, arrays of shapes that go together.

        A seam that the first piece does not list is looked up from the second one.
        """
        side, first, state, second = np.broadcast_arrays(*index)
        back = self.group.inverse[state]
        met = self.group.side[back, (side + 2) % 4]
        there = self._listed(met, second, back, first)
        slot = self._slot[first, second]
        here = self.value[side, first, state, slot]
        return np.where(slot == NOT_LISTED, there, here)

    def _listed(self, side: Indices, first: Indices, state: Indices, second: Indices) -> Values:
        slot = self._slot[first, second]
        found = self.value[side, first, state, slot]
        return np.where(slot == NOT_LISTED, np.float32(self.other), found)

    def around(self, seen: Sequence[tuple[int, int, int]]) -> tuple[Indices, Values]:
        """What each likely piece costs beside some neighbours.

        Args:
            seen: for each neighbour its side that is met, what undoes its state, and its number.

        Returns:
            ``(U,)`` all their candidates, and ``(S, U)`` the sums of the seams by the candidate's
            state in the image.
        """
        pieces = np.unique(np.concatenate([self.pieces[neighbour] for _, _, neighbour in seen]))
        shape = (self.value.shape[2], len(pieces))
        costs = np.full(shape, self.other * len(seen), np.float32)
        for side, undo, neighbour in seen:
            at = np.searchsorted(pieces, self.pieces[neighbour])
            costs[:, at] += self.value[side, neighbour][self.group.compose[undo]] - self.other
        return pieces, costs


def sparse_log_costs(
    pieces: Tensor, candidates: Indices, group: States, measure: Measure
) -> Tensor:
    """Logarithms of the costs of the seams between candidates, summed over images.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
        candidates: ``(n, K)``.
        group: the states.
        measure: scores a seam from one side.

    Returns:
        ``(4, n, S, K)`` float32.
    """
    count, kept = candidates.shape
    near = torch.from_numpy(candidates).to(pieces.device)
    costs = torch.zeros(4, count, group.count, kept, device=pieces.device)
    step = max(1, CHUNK_NUMBERS // (kept * 4 * group.count))
    for image in pieces:
        sides = _Sides.read(border_lines(image), group, measure)
        for start in range(0, count, step):
            own = slice(start, start + step)
            both = sides.seams(own, near[own])
            costs[:, own] += both.add_(2 * measure.floor * image.shape[2]).log_()
    return costs


@dataclass(frozen=True)
class _Sides:
    """What the sides of the pieces of one image are compared by.

    Recolouring and complementing both pieces changes no cost. So if the second piece is in some
    state, the first can be in the inverse of its colours instead, and lines of candidates are
    needed as they are only.

    Args:
        before: ``(n, 4 · c, F, K)``, features of the lines before a seam in all c colours.
        after: ``(n, P, T, 8 · c)``, lines after a seam likewise; see :class:`Measure`.
        group: the states.
        measure: compares them.
    """

    before: Tensor
    after: Tensor
    group: States
    measure: Measure

    @classmethod
    def read(cls, lines: BorderLines, group: States, measure: Measure) -> _Sides:
        colours = per_element(group)
        edge, inner = (
            in_states(line.flatten(0, 1), group).unflatten(0, (colours, *line.shape[:2]))
            for line in (lines.edge, lines.inner)
        )
        ends = [part[:, BEFORE].transpose(0, 1).flatten(0, 1) for part in (edge, inner)]
        before = measure.fit(BorderLines(*ends)).transpose(0, 1).contiguous()
        read = measure.read(edge.transpose(0, 1).flatten(0, 2))
        read = read.T[None] if read.ndim == 2 else read
        after = read.unflatten(2, (-1, edge.shape[2])).movedim(3, 0).contiguous()
        return cls(before, after, group, measure)

    def seams(self, own: slice, near: Tensor) -> Tensor:
        """``(4, a, S, K)``: the costs of pieces ``own`` beside candidates ``near``, ``(a, K)``."""
        group, kept = self.group, near.shape[1]
        colours = per_element(group)
        lines = self.after[near, ..., ::colours]  # (a, K, P, T, 8)
        lines = lines.permute(0, 2, 3, 1, 4).flatten(3)
        ahead = self.measure.compare_each(self.before[own], lines).unflatten(2, (kept, 8))
        features = self.before[near][:, :, ::colours].flatten(1, 2)  # (a, 4 · K, F, K)
        back = self.measure.compare_each(features, self.after[own]).unflatten(1, (kept, 4))
        side, state = (torch.from_numpy(part) for part in np.indices((4, group.count)))
        inverse, dihedral = torch.from_numpy(group.inverse), torch.from_numpy(group.dihedral)
        undo = inverse[state]
        met = torch.from_numpy(group.side)[undo, (side + 2) % 4]
        shade = undo % colours
        first = ahead[:, side * colours + shade, :, after_side(side, dihedral[state])]
        second = back[:, :, met, after_side(met, dihedral[undo]) * colours + shade]
        return torch.add(first.permute(0, 2, 1, 3), second.permute(2, 0, 3, 1))


def sparse_surprise(
    costs: Tensor, candidates: Indices, group: States, sharpness: float
) -> SparseTable:
    """How surprising each seam between candidates is, as in :func:`.seam_table.surprise`.

    Args:
        costs: ``(4, n, S, K)`` from :func:`sparse_log_costs`; it is overwritten.
        candidates: ``(n, K)``.
        group: the states.
        sharpness: the measure's own.
    """
    count = len(candidates)
    near = torch.from_numpy(candidates).to(costs.device)
    laws = normalised(costs, sharpness)
    step = max(1, CHUNK_NUMBERS // costs[0, 0].numel())
    for side in range(4):
        met = met_sides(group)[side, None, :, None].to(costs.device)
        for start in range(0, count, step):
            rows = slice(start, start + step)
            there = laws[:, met, near[rows, None]]  # (2, a, S, K)
            average(costs[side, rows], sharpness, laws[:, side, rows, None, None], there)
    other = float(np.log(count * group.count) - np.log(DOUBT))
    return SparseTable(candidates, costs.cpu().numpy(), other, group)
