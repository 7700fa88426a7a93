"""Blocks as rows of symbols, and what the symbols of a block and of its neighbours share."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import blocks
from ppattack.context import Workers
from ppattack.data.stacks import Images
from ppattack.permxor import Unit
from ppattack.solvers.covariance.moments import Moments
from ppattack.solvers.sums import gathered

CHUNK = 512


def numbers(shape: tuple[int, int, int], block: int, unit: Unit) -> NDArray[np.int32]:
    """``(n, S)``: each symbol's number in the image, for each block, row by row."""
    if unit == "nibble":
        return blocks.nibble_numbers(shape, block)
    table = blocks.byte_numbers(shape, block)
    return table.reshape(len(table), -1)


def turns(block: int, channels: int) -> list[NDArray[np.intp]]:
    """The permutations of a block's symbols that turning, mirroring and reordering colours makes.

    Returns:
        tables ``(S,)`` over the bytes of a block, or over the high nibbles.
    """
    orders = blocks.COLOUR_ORDERS if channels == 3 else np.arange(channels)[None]
    return [
        (pixels[:, None] * channels + order).reshape(-1)
        for pixels in blocks.dihedral_table(block)
        for order in orders
    ]


def symbols(images: Tensor, block: int, unit: Unit) -> Tensor:
    """``(N, rows, columns, S)`` uint8: the symbols of each block of ``(N, C, H, W)`` images."""
    count, channels, height, width = images.shape
    table = torch.from_numpy(numbers((channels, height, width), block, unit)).long()
    flat = images.reshape(count, -1)
    if unit == "nibble":
        flat = torch.cat([flat & 15, flat >> 4], 1)
    return flat[:, table.to(images.device)].view(count, height // block, width // block, -1)


class PooledMoments:
    """Moments of the symbols of a block, alone and with those of its neighbours.

    Args:
        size: symbols of a block.
        levels: values that a symbol can take.
        device: where to gather them.
    """

    def __init__(self, size: int, levels: int, device: torch.device) -> None:
        self.size = size
        self.same = Moments(size, levels, device)
        self.right, self.down = (Moments(2 * size, levels, device) for _ in range(2))

    def add(self, rows: Tensor) -> None:
        """Add ``(N, rows, columns, S)`` symbols."""
        size = self.size
        self.same.add(rows.reshape(-1, size))
        self.right.add(torch.cat([rows[:, :, :-1], rows[:, :, 1:]], 3).reshape(-1, 2 * size))
        self.down.add(torch.cat([rows[:, :-1], rows[:, 1:]], 3).reshape(-1, 2 * size))

    def merge(self, other: PooledMoments) -> PooledMoments:
        """Add what another has gathered; returns itself."""
        self.same.merge(other.same)
        self.right.merge(other.right)
        self.down.merge(other.down)
        return self


def pooled_correlations(
    images: Images, block: int, unit: Unit, workers: Workers
) -> tuple[NDArray[np.float64], ...]:
    """Correlations of the symbols of a block with each other and with those of its neighbours.

    Args:
        images: ``(N, C, H, W)`` uint8.
        block: edge of a block, pixels.
        unit: what a symbol is.
        workers: they gather the statistics.

    Returns:
        three ``(S, S)`` matrices: within a block; of a block (rows) with its right neighbour
        (columns); of a block with the one below.
    """
    found = gathered(partial(_pooled, block, unit), images, workers)
    within = found.same.correlation().cpu().numpy()
    size = found.size
    beside, below = (m.correlation()[:size, size:].cpu().numpy() for m in (found.right, found.down))
    return within, beside, below


def _pooled(block: int, unit: Unit, images: Tensor) -> PooledMoments:
    levels = 16 if unit == "nibble" else 256
    size = images.shape[1] * block * block * (2 if unit == "nibble" else 1)
    found = PooledMoments(size, levels, images.device)
    for chunk in images.split(CHUNK):
        found.add(symbols(chunk, block, unit))
    return found
