"""What it costs to put one cipher block beside another, added up over ciphertexts.

A seam is scored by extrapolation: with a1, a2 the last two lines of a block before the seam and
b1, b2 the first two after it, the cost is ``|2·a1 - a2 - b1|² + |2·b1 - b2 - a1|²``. It is
quadratic, so the products of border lines summed over ciphertexts are all that is needed, and
the signs and colour orders of both sides are read off the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.blocks import COLOUR_ORDERS, dihedral_table
from ppattack.solvers.block_states import states

CHUNK_BYTES = 1 << 26
"""Border lines held at a time."""


@dataclass(frozen=True)
class SeamSums:
    """Sums over ciphertexts; those of two sets of ciphertexts add up exactly.

    Args:
        products: ``(4·n·C, 8·n·C)`` float64: for each line that can stand before a seam (side,
            block, channel) and each that can stand after it (dihedral element, block, channel).
        squares: ``(8, n, C)`` float64, the part of the cost that a line after a seam has alone.
        count: ciphertexts summed.
    """

    products: Tensor
    squares: Tensor
    count: int

    def __add__(self, other: SeamSums) -> SeamSums:
        return SeamSums(
            self.products + other.products,
            self.squares + other.squares,
            self.count + other.count,
        )


def seam_sums(ciphertexts: Tensor, block_size: int) -> SeamSums:
    """Add up the products of border lines.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, H and W multiples of ``block_size``.
        block_size: edge of a block, pixels.
    """
    count, channels, height, width = ciphertexts.shape
    blocks = height * width // block_size**2
    lines = 8 * blocks * channels
    products = torch.zeros(lines // 2, lines, dtype=torch.float64, device=ciphertexts.device)
    squares = products.new_zeros(8, blocks, channels)
    step = max(1, CHUNK_BYTES // (lines * block_size * 8 * 4))
    for start in range(0, count, step):
        edge, inner = _lines(ciphertexts[start : start + step], block_size)  # (8, n, C, N·B)
        beyond = 2 * edge - inner
        after = torch.cat([edge, beyond], 3).reshape(lines, -1)
        # The line before a seam on side k is the line after it of the block turned k times and
        # then flipped, which is element 4 + (-k) % 4.
        before = torch.cat([beyond, edge], 3)[[4, 7, 6, 5]].reshape(lines // 2, -1)
        products += before @ after.T
        squares += (beyond**2 + edge**2).sum(3)
    return SeamSums(products, squares, count)


def _lines(ciphertexts: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """The left column of each block in each dihedral state, and the next one: odd integers."""
    count, channels, height, width = ciphertexts.shape
    rows, columns = height // block, width // block
    grid = ciphertexts.reshape(count, channels, rows, block, columns, block)
    flat = grid.permute(2, 4, 1, 0, 3, 5).reshape(rows * columns, channels, count, block * block)
    table = torch.from_numpy(dihedral_table(block)).view(8, block, block).to(flat.device)
    found = []
    for column in (0, min(1, block - 1)):
        line = flat[..., table[:, :, column]]  # (n, C, N, 8, B)
        values = line.permute(3, 0, 1, 2, 4).reshape(8, rows * columns, channels, count * block)
        found.append(values.double() * 2 - 255)
    return found[0], found[1]


def seam_costs(sums: SeamSums, *, colours: bool) -> Tensor:
    """The mean cost of every seam.

    Args:
        sums: from :func:`seam_sums`.
        colours: whether the channels of a block can have changed places.

    Returns:
        ``(4, n, n, S)`` float32: the cost of block b in state s at side k of block a as it is,
        per ciphertext. A block beside itself costs infinity.
    """
    group = states(colours=colours)
    _, blocks, channels = sums.squares.shape
    products = sums.products.view(4, blocks, channels, 8, blocks, channels)
    orders = COLOUR_ORDERS if colours else np.arange(channels)[None]
    alone = sums.squares.sum(2)  # (8, n)
    costs = torch.empty(4, blocks, blocks, group.count, device=alone.device)
    per_state = costs.view(4, blocks, blocks, 8, 2, len(orders))
    names = group.dihedral.reshape(8, -1)[:, 0]
    first = group.count // 8
    for side in range(4):
        for element in names:
            # Both blocks turned until the side is the right one.
            turned = int(group.dihedral[group.compose[side * first, element * first]])
            level = alone[4 + (-side) % 4][:, None] + alone[turned]
            for code, order in enumerate(orders):
                cross = sum(
                    (products[side, :, channel, turned, :, int(order[channel])])
                    for channel in range(channels)
                )
                per_state[side, :, :, element, 0, code] = level - 2 * cross
                per_state[side, :, :, element, 1, code] = level + 2 * cross
    costs /= max(1, sums.count)
    own = torch.arange(blocks, device=costs.device)
    costs[:, own, own] = float("inf")
    return costs
