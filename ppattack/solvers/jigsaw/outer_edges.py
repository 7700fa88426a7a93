"""Where a picture ends that was put together of pieces which only moved.

Behind the last piece of every row comes the first one again, if the picture is bent to a ring, and
it can be cut open at any line of seams. The most surprising line is the wrong one if the picture
has a flat frame, which surprises less where it meets itself than where it meets what it frames. A
network tells the seams at which the edges of public images meet from those inside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ppattack.block_states import ABOVE, BELOW, LEFT, RIGHT, Arrangement

FLAT = 4.0
"""Deviation of the levels of a piece below which it has no content."""
ALIKE = 8.0
"""Levels by which flat pieces of a frame differ at most from the usual one of their line."""
UNEVEN = 13.0
"""How much less likely each line of a frame is, in logarithms, that has none on the other side."""
LEAST = 1e-9


@dataclass(frozen=True)
class OuterEdges:
    """A trained network.

    Args:
        network: ``(..., M)`` features to ``(..., 1)``, how likely edges of an image meet.
        mean: ``(M,)`` taken off features.
        scale: ``(M,)`` by which they are divided then.
    """

    network: nn.Module
    mean: Tensor
    scale: Tensor

    def slid(self, found: Arrangement, table: Tensor, pieces: Tensor) -> Arrangement:
        """The arrangement moved around cyclically so that it is cut where a picture ends.

        Args:
            found: of all pieces.
            table: ``(4, n, n)`` surprises of the seams.
            pieces: ``(n, C, B, B)`` uint8.
        """
        grid, state = found.grid, found.state
        seams = ring(table, pieces, grid)
        for axis, (seen, lines) in enumerate(zip(seams, (grid, grid.T), strict=True)):
            likely = self.scores(seen).sum(1).cpu().numpy()
            likely = likely - UNEVEN * unevenness(framing(pieces, lines))
            by = -int(likely.argmax())
            grid, state = np.roll(grid, by, axis), np.roll(state, by, axis)
        return Arrangement(grid, state)

    @torch.no_grad()
    def scores(self, seen: Tensor) -> Tensor:
        """``(..., M)`` features to ``(...)`` logarithms of odds."""
        found: Tensor = self.network((seen - self.mean) / self.scale)[..., 0]
        return found


def network_for(size: int) -> nn.Module:
    """An untrained network on so many features."""
    return nn.Sequential(
        nn.Linear(size, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1)
    )


def ring(table: Tensor, pieces: Tensor, grid: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    """What the network sees of the seams of a picture whose ends meet.

    Args:
        table: ``(4, n, n)`` surprises of the seams.
        pieces: ``(n, C, B, B)`` uint8.
        grid: ``(rows, columns)`` of pieces.

    Returns:
        ``(rows, columns, M)`` for the seams above each row, the first one that with the last row;
        ``(columns, rows, M)`` for those to the left of each column.
    """
    likely = table.neg().exp()
    doubt = -(likely * likely.clamp(min=LEAST).log()).sum(2)
    least = table.amin(2)
    values = pieces.float()
    contrast = torch.log(values.var((2, 3)) + 4).mean(1)
    lines = (values[..., -1], values[:, :, -1], values[..., 0], values[:, :, 0])
    along = torch.stack([torch.log(line.std(2).mean(1) + 1) for line in lines])
    facts = torch.stack([doubt, least, along, contrast.expand_as(doubt)], 2)  # (4, n, 4)
    places = torch.from_numpy(np.ascontiguousarray(grid)).to(pieces.device)
    found = []
    for here, there, order in ((BELOW, ABOVE, places), (RIGHT, LEFT, places.T)):
        before, after = order.roll(1, 0), order
        ours, theirs = facts[here][before], facts[there][after]
        surprise = table[here, before, after]
        whole = torch.stack([surprise.mean(), least.mean(), doubt.mean()])
        seen = [
            surprise[..., None],
            torch.minimum(ours, theirs),
            torch.maximum(ours, theirs),
            whole.expand(*surprise.shape, -1),
        ]
        found.append(torch.cat(seen, -1))
    return found[0], found[1]


def framing(pieces: Tensor, lines: NDArray[np.intp]) -> NDArray[np.bool_]:
    """``(L,)``: which lines ``(L, K)`` of pieces are flat and of one colour."""
    values = pieces.float()
    flat = values.std((2, 3)).amax(1).cpu().numpy() < FLAT
    level = values.mean((2, 3)).cpu().numpy()[lines]
    apart = np.abs(level - np.median(level, axis=1, keepdims=True)).max((1, 2))
    return np.asarray(flat[lines].all(1) & (apart < ALIKE))


def unevenness(flat: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``(L,)``: by how many lines the frames at both ends differ, if a ring is cut before each."""
    if flat.all():
        return np.zeros(len(flat))
    turned = [np.roll(flat, -line) for line in range(len(flat))]
    ends = [(int((~each).argmax()), int((~each[::-1]).argmax())) for each in turned]
    return np.array([float(abs(first - last)) for first, last in ends])
