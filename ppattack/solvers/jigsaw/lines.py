"""The border lines of pieces in each of their dihedral states.

Everything that is compared across a seam is read from the left side of a turned piece: the line
that stands before a seam on side k of a piece is the left line of that piece turned k times and
then flipped, and the line after it is the left line of the other piece, turned alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.blocks import dihedral_table

MIDDLE = 127.5
BEFORE = (4, 7, 6, 5)
"""For each side, the dihedral element whose left line stands before the seam on it."""


@dataclass(frozen=True)
class BorderLines:
    """The outermost two lines of the pieces of one image.

    Args:
        edge: ``(8, n, B, C)`` float32, centred at 0: the left line of each piece in each
            dihedral state, from top to bottom.
        inner: the line next to it.
    """

    edge: Tensor
    inner: Tensor


def border_lines(pieces: Tensor) -> BorderLines:
    """Read the lines.

    Args:
        pieces: ``(n, C, B, B)`` uint8.
    """
    count, channels, size, _ = pieces.shape
    tables = torch.from_numpy(dihedral_table(size)).view(8, size, size).to(pieces.device)
    flat = pieces.reshape(count, channels, size * size).float() - MIDDLE
    found = [
        flat[:, :, tables[:, :, column]].permute(2, 0, 3, 1).contiguous()
        for column in (0, min(1, size - 1))
    ]
    return BorderLines(found[0], found[1])
