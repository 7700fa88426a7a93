"""The best of all arrangements of a few blocks, for many images at once.

Every placement and every state of every block is accounted for. For one placement the seams
form a path or, for 2 × 2 blocks, a ring, so that the minimum over all states is a chain of
minima over one state at a time: nothing is left out, and nothing is enumerated twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import ABOVE, BELOW, LEFT, RIGHT, Arrangement, Indices, States
from ppattack.errors import ImageError

MOST_BLOCKS = 4
CHUNK_BYTES = 1 << 26
"""Bytes of tables of pairs of states held at a time."""


@dataclass(frozen=True)
class BestArrangements:
    """The cheapest arrangement of each image.

    Args:
        grid: ``(N, rows, columns)``, the cipher block at each place of the plain image.
        state: ``(N, rows, columns)``, the state that makes it plain, up to a global state.
        cost: ``(N,)`` float32, the sum over its seams.
    """

    grid: Indices
    state: Indices
    cost: Tensor

    def __getitem__(self, image: int) -> Arrangement:
        return Arrangement(self.grid[image], self.state[image])


def arrangements(blocks: int, states: int) -> int:
    """How many arrangements differ in more than the global state."""
    return math.factorial(blocks) * int(states ** (blocks - 1))


def best_arrangements(costs: Tensor, rows: int, columns: int, group: States) -> BestArrangements:
    """Minimise the sum of seam costs over all placements and states.

    Args:
        costs: ``(N, 4, n, n, S)`` float32; costs of images under one key may be summed before.
        rows: blocks from top to bottom, rows · columns = n.
        columns: blocks from left to right; a path (either is 1) or 2 × 2.
        group: the states.

    Raises:
        ImageError: for any other grid of blocks.
    """
    count = rows * columns
    if count > MOST_BLOCKS or costs.shape[2] != count:
        raise ImageError(
            f"the exhaustive search arranges at most {MOST_BLOCKS} blocks; "
            f"got {rows} x {columns} and costs of {costs.shape[2]}."
        )
    step = max(1, CHUNK_BYTES // (4 * group.count**2))
    parts = [_Search(part, rows, columns, group).run() for part in costs.split(step)]
    return BestArrangements(
        np.concatenate([part.grid for part in parts]),
        np.concatenate([part.state for part in parts]),
        torch.cat([part.cost for part in parts]),
    )


class _Search:
    """The search for some images."""

    def __init__(self, costs: Tensor, rows: int, columns: int, group: States) -> None:
        device = costs.device
        self.costs, self.rows, self.columns, self.group = costs, rows, columns, group
        self.side, self.inverse, self.compose = (
            torch.from_numpy(table).to(device)
            for table in (group.side, group.inverse, group.compose)
        )
        self.images = torch.arange(len(costs), device=device)

    def run(self) -> BestArrangements:
        """Try every placement, and block 0 in one state of each kind that no global state joins."""
        count = self.rows * self.columns
        cost = torch.full((len(self.costs),), float("inf"), device=self.costs.device)
        grid = torch.zeros(len(self.costs), count, dtype=torch.long, device=self.costs.device)
        state = torch.zeros_like(grid)
        for blocks in itertools.permutations(range(count)):
            placed = torch.tensor(blocks, device=grid.device)
            for anchor in self._anchors():
                found, states = self._cheapest(blocks, anchor)
                better = found < cost
                cost = torch.where(better, found, cost)
                grid = torch.where(better[:, None], placed, grid)
                state = torch.where(better[:, None], states, state)
        shape = (len(cost), self.rows, self.columns)
        return BestArrangements(
            grid.view(shape).cpu().numpy(), state.view(shape).cpu().numpy(), cost
        )

    def _anchors(self) -> list[int]:
        """One state of block 0 for each coset of the global states."""
        upright = self.group.upright(self.rows, self.columns)
        if len(upright) == self.group.count:
            return [0]
        return [0, self.group.count // 8]  # as it is, and turned by a quarter

    def _cheapest(self, blocks: Sequence[int], anchor: int) -> tuple[Tensor, Tensor]:
        """``(N,)`` cost and ``(N, n)`` states, by place, of a placement."""
        cost = torch.zeros(len(self.costs), device=self.costs.device)
        states = torch.full((len(cost), len(blocks)), anchor, device=cost.device)
        for arm, closing in self._arms(blocks.index(0)):
            found, chosen = self._arm(blocks, arm, closing, anchor)
            cost = cost + found
            for (_, _, place), value in zip(arm, chosen, strict=True):
                states[:, place] = value
        return cost, states

    def _arms(self, start: int) -> Iterator[tuple[list[tuple[int, int, int]], int | None]]:
        """Paths of (place, side, next place) away from a place; the side that closes a ring."""
        if min(self.rows, self.columns) > 1:
            ring = (0, 1, 3, 2)
            at = ring.index(start)
            places = [ring[(at + i) % 4] for i in range(4)]
            sides = [(RIGHT, BELOW, LEFT, ABOVE)[(at + i) % 4] for i in range(4)]
            yield list(zip(places, sides[:3], places[1:], strict=False)), sides[3]
            return
        forth, back = (RIGHT, LEFT) if self.rows == 1 else (BELOW, ABOVE)
        last = self.rows * self.columns - 1
        yield [(place, forth, place + 1) for place in range(start, last)], None
        yield [(place, back, place - 1) for place in range(start, 0, -1)], None

    def _arm(
        self,
        blocks: Sequence[int],
        arm: Sequence[tuple[int, int, int]],
        closing: int | None,
        anchor: int,
    ) -> tuple[Tensor, list[Tensor]]:
        """The least cost of the seams along a path, and the states in its order."""
        beyond = torch.zeros(len(self.costs), self.group.count, device=self.costs.device)
        if closing is not None:
            last = arm[-1][2]
            beyond = self._pairs(blocks[last], blocks[arm[0][0]], closing)[:, :, anchor]
        choices = []
        for place, side, following in reversed(arm):
            pairs = self._pairs(blocks[place], blocks[following], side) + beyond[:, None]
            beyond, choice = pairs.min(2)
            choices.append(choice)
        state = torch.full_like(self.images, anchor)
        chosen = []
        for choice in reversed(choices):
            state = choice[self.images, state]
            chosen.append(state)
        return beyond[:, anchor], chosen

    def _pairs(self, first: int, second: int, side: int) -> Tensor:
        """``(N, S, S)``: the second block in state t at a side of the first in state s."""
        seen = self.side[self.inverse, side][:, None]
        relative = self.compose[self.inverse]
        return self.costs[:, :, first, second][:, seen, relative]
