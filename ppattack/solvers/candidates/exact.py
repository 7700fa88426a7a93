"""One number for what every key of a scheme leaves alone to the last bit.

A ciphertext and an exact copy of its image have the same number, whatever the key; images that
differ have others, unless one becomes the other under some key. Nothing is fitted.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.target.structure import Structure

ODD = 0x2545F4914F6CDD1D
"""An odd number of 62 bits: products with it spread over all 64."""
HALF = 31
AT_ONCE = 1 << 22
"""Bytes of images worked on at a time."""


def exact_codes(images: Tensor, structure: Structure) -> Tensor:
    """``(N,)`` int64: equal for a ciphertext and an exact copy of its image.

    Args:
        images: ``(N, C, H, W)`` uint8: ciphertexts, or plain images as they are transformed.
        structure: what the scheme makes public.
    """
    step = max(1, AT_ONCE // images[0].numel())
    return torch.cat([_codes(part, structure) for part in images.split(step)])


def _codes(images: Tensor, structure: Structure) -> Tensor:
    values = _table(structure).to(images.device)[images.long()]
    if structure.kind == "none":
        return _placed(values.flatten(1))
    if structure.kind == "any":
        return values.flatten(1).sum(dim=1)
    if structure.kind == "pixels":
        if structure.colours:
            values = values.sum(dim=1)
        return _placed(values.flatten(1))
    count, channels, height, width = values.shape
    edge = structure.block_size
    grid = values.reshape(count, channels, height // edge, edge, width // edge, edge)
    blocks = grid.sum(dim=(1, 3, 5)).flatten(1)
    return _mixed(blocks).sum(dim=1) if structure.moves_blocks else _placed(blocks)


def _table(structure: Structure) -> Tensor:
    """``(256,)`` int64: what a byte adds, the same for its units in any order and complemented."""
    codes = np.random.default_rng(1).integers(-(2**62), 2**62, 256)
    values = np.arange(256)
    if structure.kind == "none":
        return torch.from_numpy(codes)
    if structure.unit == "byte":
        folded = np.minimum(values, 255 - values) if structure.negatives else values
        return torch.from_numpy(codes[folded])
    low, high = values & 15, values >> 4
    if structure.negatives:
        low, high = np.minimum(low, 15 - low), np.minimum(high, 15 - high)
    return torch.from_numpy(codes[low] + codes[high])


def _mixed(codes: Tensor) -> Tensor:
    """Each code spread, so that sums of codes cannot be exchanged for one another."""
    codes = codes * ODD
    return (codes ^ (codes >> HALF)) * ODD


def _placed(codes: Tensor) -> Tensor:
    """``(N, S)`` codes in their places to ``(N,)``."""
    place = torch.arange(codes.shape[1], device=codes.device) * ODD
    return _mixed(codes + _mixed(place)).sum(dim=1)
