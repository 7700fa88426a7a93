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

FLAT = 8.0
"""Deviation of the levels of a line of pixels below which it can belong to a frame."""
UNEVEN = 12.0
"""How much less likely a cut is, in logarithms, that makes the frame at one end wider than that at
the other by the edge of a piece."""
MOST_UNEVEN = 2.0
"""Edges of a piece beyond which it counts no more: flat skies are no frames."""
LEAST = 1e-9
Lines = NDArray[np.bool_]


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
        flat = flat_lines(pieces, grid)
        for axis, (seen, lines) in enumerate(zip(ring(table, pieces, grid), flat, strict=True)):
            likely = self.scores(seen).sum(1).cpu().numpy()
            uneven = unevenness(lines, found.grid.shape[axis])
            likely = likely - UNEVEN * uneven.clip(max=MOST_UNEVEN)
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


def flat_lines(pieces: Tensor, grid: NDArray[np.intp]) -> tuple[Lines, Lines]:
    """Which rows ``(H,)`` and which columns ``(W,)`` of pixels of a picture are flat."""
    tiles = pieces.float()[torch.from_numpy(np.ascontiguousarray(grid)).to(pieces.device)]
    whole = tiles.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)  # (C, H, W)
    rows, columns = ((whole.std(axis).amax(0) < FLAT).cpu().numpy() for axis in (2, 1))
    return rows, columns


def unevenness(flat: Lines, pieces: int) -> NDArray[np.float64]:
    """How differently wide the frames at both ends are, if a ring is cut before each piece.

    Args:
        flat: ``(L,)`` lines of pixels, as many of every piece.
        pieces: so many.

    Returns:
        ``(pieces,)`` in edges of a piece.
    """
    edge = len(flat) // pieces
    if flat.all():
        return np.zeros(pieces)
    turned = [np.roll(flat, -edge * piece) for piece in range(pieces)]
    ends = [(int((~each).argmax()), int((~each[::-1]).argmax())) for each in turned]
    return np.array([abs(first - last) / edge for first, last in ends])
