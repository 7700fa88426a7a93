"""What a scheme makes public about the shape of its permutation and mask.

An adversary knows the algorithm, so it knows which symbols can have gone where. A solver that
uses this needs far fewer ciphertexts than one that looks for any signed permutation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["none", "pixels", "shared-block", "blocks", "blocks-dihedral", "substitution", "any"]


@dataclass(frozen=True)
class Structure:
    """The public shape of a fixed-key pixel scheme.

    Args:
        kind: ``none`` (nothing is moved or complemented), ``pixels`` (bytes stay at their pixel),
            ``shared-block`` (one permutation of the symbols of a block, the same in every
            block), ``blocks`` (blocks are permuted, and each has its own permutation of its
            symbols), ``blocks-dihedral`` (blocks are permuted and turned or mirrored as a whole),
            ``substitution`` (nothing is moved; bytes at some places of a block, the same in every
            block, are looked up in one table of whole numbers, and all are divided by one scale) or
            ``any`` (any symbol can have gone anywhere).
        unit: what is moved, ``byte`` or ``nibble``.
        block_size: edge of a block, pixels; 1 if there are no blocks.
        colours: whether the channels of a pixel (``pixels``) or of a block (``blocks-dihedral``)
            change places.
        moves_blocks: whether blocks change places.
        turns: ``blocks-dihedral``: whether blocks are turned by quarters.
        flips: likewise, whether they are mirrored.
        negatives: likewise, whether they are complemented.
        gap: pixels missing between neighbouring blocks, on each side of a border.
        lossy: whether some symbols are lost, so that no exact inverse exists.
    """

    kind: Kind = "any"
    unit: Literal["byte", "nibble"] = "byte"
    block_size: int = 1
    colours: bool = False
    moves_blocks: bool = False
    turns: bool = True
    flips: bool = True
    negatives: bool = True
    gap: int = 0
    lossy: bool = False
