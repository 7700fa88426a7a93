"""How much of a key was recovered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppattack.errors import ImageError
from ppattack.permxor import PermXor


@dataclass(frozen=True)
class KeyAgreement:
    """Agreement of a recovered transformation with the true one.

    Args:
        index: fraction of symbols whose source is right; guessing gives about one over the number
            of symbols.
        mask: fraction of symbols whose mask is right; guessing gives 1/256 for bytes, 1/16 for
            nibbles.
        exact: whether both tables are right everywhere.
    """

    index: float
    mask: float
    exact: bool


def key_agreement(recovered: PermXor, true: PermXor) -> KeyAgreement:
    """Compare a recovered transformation with the true one, symbol by symbol.

    Args:
        recovered: over bytes or nibbles, one table for every image or one per image.
        true: likewise; if units differ, both are written over nibbles, and if only one side has a
            table per image, the other's table is compared with each of them.

    Raises:
        ImageError: if the tables are for images of different size or number.
    """
    if recovered.unit != true.unit:
        recovered, true = recovered.as_nibbles(), true.as_nibbles()
    counts = {table.count for table in (recovered, true)} - {None}
    if recovered.symbols != true.symbols or len(counts) > 1:
        raise ImageError(
            f"the recovered key has tables of shape {recovered.index.shape}, the true one "
            f"{true.index.shape} ({true.unit}s): both must be for the same images."
        )
    index = np.equal(recovered.index, true.index)
    mask = np.equal(recovered.mask, true.mask)
    right = [float(part.mean()) if part.size else 1.0 for part in (index, mask)]
    return KeyAgreement(right[0], right[1], bool(index.all() and mask.all()))


def high_nibble_agreement(recovered: PermXor, true: PermXor) -> KeyAgreement:
    """:func:`key_agreement` over the symbols that carry a plain image's high nibbles.

    They make up the visible image; a scheme over nibbles may put them anywhere, so the true table
    tells which they are.
    """
    recovered, true = recovered.as_nibbles(), true.as_nibbles()
    index = np.equal(recovered.index, true.index)
    mask = np.equal(recovered.mask, true.mask)
    high = np.broadcast_to(true.index >= true.symbols // 2, index.shape)
    right = [float(part[high].mean()) if high.any() else 1.0 for part in (index, mask)]
    return KeyAgreement(right[0], right[1], bool(index[high].all() and mask[high].all()))
