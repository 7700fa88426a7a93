"""Where keys of shared blocks are searched for, and where there is too little to search in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.target.structure import Structure

FEWEST_ALIGNED = 100
"""Bytes of a block from which its order is found by aligning eigenvectors."""
FEWEST_BLOCKS = 40
"""Blocks under one key from which the order of their bytes is searched for."""

MOST_LEARNED = 10_000
"""Ciphertexts of a stack that the key is learned from: a few are enough."""


def applies(structure: Structure, channels: int) -> bool:
    """Whether the order of a block's bytes is found here."""
    large = channels * structure.block_size**2 >= FEWEST_ALIGNED
    shared = structure.kind == "shared-block" and structure.unit == "byte"
    return shared and (large or structure.moves_blocks)


def too_few(structure: Structure, ciphertexts: Tensor, *, one_key: bool) -> str:
    """Why there is too little to search in; empty if there is enough."""
    count = len(ciphertexts) if one_key else 1
    blocks = count * ciphertexts[0, 0].numel() // structure.block_size**2
    if blocks >= FEWEST_BLOCKS:
        return ""
    return f"{blocks} blocks under one key are too few: {FEWEST_BLOCKS} of them are needed"
