"""Block split and merge, the 8 dihedral and the 6 colour index tables (NumPy).

Blocks are numbered row by row, ``b = row · (W / B) + column``. A permutation ``p`` gathers:
``out[i] = in[p[i]]``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOUR_ORDERS: NDArray[np.intp] = np.array(
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], dtype=np.intp
)
"""Colour code s to channel order: output channel c is input channel ``COLOUR_ORDERS[s, c]``."""


def split(array: NDArray[np.generic], block: int) -> NDArray[np.generic]:
    """``(..., C, H, W)`` to ``(..., n, C, B, B)``, blocks in row-major order."""
    *lead, channels, height, width = array.shape
    rows, columns = height // block, width // block
    grid = array.reshape(*lead, channels, rows, block, columns, block)
    k = len(lead)
    order = [*range(k), k + 1, k + 3, k, k + 2, k + 4]
    return grid.transpose(order).reshape(*lead, rows * columns, channels, block, block)


def merge(blocks: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    """``(..., n, C, B, B)`` to ``(..., C, H, W)``: the inverse of :func:`split`."""
    *lead, _, channels, block, _ = blocks.shape
    rows, columns = height // block, width // block
    grid = blocks.reshape(*lead, rows, columns, channels, block, block)
    k = len(lead)
    order = [*range(k), k + 2, k, k + 3, k + 1, k + 4]
    return grid.transpose(order).reshape(*lead, channels, height, width)


def dihedral_table(block: int) -> NDArray[np.intp]:
    """``(8, B²)`` gather indices of the dihedral elements on a flattened block.

    Element ``g = 4·f + k``: first a left-right flip if ``f`` is 1, then a counter-clockwise
    rotation by ``90·k`` degrees.
    """
    base = np.arange(block * block, dtype=np.intp).reshape(block, block)
    elements = [np.rot90(flip, k) for flip in (base, base[:, ::-1]) for k in range(4)]
    return np.stack([element.reshape(-1) for element in elements])
