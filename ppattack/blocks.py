"""Block split and merge, the 8 dihedral and the 6 colour index tables (NumPy).

Blocks are numbered row by row, ``b = row · (W / B) + column``. A permutation ``p`` gathers:
``out[i] = in[p[i]]``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

COLOUR_ORDERS: NDArray[np.intp] = np.array(
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]], dtype=np.intp
)
"""Colour code s to channel order: output channel c is input channel ``COLOUR_ORDERS[s, c]``."""
COLOUR_INVERSES: NDArray[np.intp] = np.array([0, 1, 2, 4, 3, 5], dtype=np.intp)
"""The colour code that undoes each colour code."""
DIHEDRAL_INVERSES: NDArray[np.intp] = np.array([0, 3, 2, 1, 4, 5, 6, 7], dtype=np.intp)
"""The dihedral element that undoes each element of :func:`dihedral_table`."""


def split(array: NDArray[T], block: int) -> NDArray[T]:
    """``(..., C, H, W)`` to ``(..., n, C, B, B)``, blocks in row-major order."""
    *lead, channels, height, width = array.shape
    rows, columns = height // block, width // block
    grid = array.reshape(*lead, channels, rows, block, columns, block)
    k = len(lead)
    order = [*range(k), k + 1, k + 3, k, k + 2, k + 4]
    return grid.transpose(order).reshape(*lead, rows * columns, channels, block, block)


def merge(blocks: NDArray[T], height: int, width: int) -> NDArray[T]:
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
    return _dihedral_table(block).copy()


@cache
def _dihedral_table(block: int) -> NDArray[np.intp]:
    base = np.arange(block * block, dtype=np.intp).reshape(block, block)
    elements = [np.rot90(flip, k) for flip in (base, base[:, ::-1]) for k in range(4)]
    return np.stack([element.reshape(-1) for element in elements])


def byte_numbers(shape: tuple[int, int, int], block: int) -> NDArray[np.int32]:
    """``(n, B², C)``: the number of each byte of each block in the memory order of an image.

    Args:
        shape: ``(C, H, W)``, H and W multiples of ``block``.
        block: edge of a block, pixels.
    """
    channels, height, width = shape
    numbers = np.arange(channels * height * width, dtype=np.int32).reshape(shape)
    blocks = split(numbers, block).reshape(-1, channels, block * block)
    return blocks.transpose(0, 2, 1)


def nibble_numbers(shape: tuple[int, int, int], block: int) -> NDArray[np.int32]:
    """``(n, 2·B²·C)``: the number of each nibble of each block, all low ones first.

    Within a block the bytes are in the order row, column, channel.
    """
    bytes_ = byte_numbers(shape, block)
    low = bytes_.reshape(len(bytes_), -1)
    return np.concatenate([low, low + low.size], axis=1)


def place(values: NDArray[T], numbers: NDArray[np.int32]) -> NDArray[T]:
    """Bring a table from block order to the memory order of an image.

    Args:
        values: ``(K, *numbers.shape)``, for each of K keys one value per symbol.
        numbers: from :func:`byte_numbers` or :func:`nibble_numbers`.

    Returns:
        ``(K, S)`` of the values' type.
    """
    placed = np.empty((len(values), numbers.size), values.dtype)
    placed[:, numbers.reshape(-1)] = values.reshape(len(values), -1)
    return placed
