"""Key recovery from chosen plaintexts: every symbol spells out its own number.

Whatever a scheme does, if it moves symbols and combines them with a mask, a black image shows
the mask, and images made of the digits of the symbols' numbers show where each went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.known_pairs.symbols import as_symbols

SPREAD: dict[Unit, int] = {"byte": 2, "nibble": 1}
"""Levels from one digit to the next. A byte has two levels for each digit, because published code
that truncates shifts bytes by one."""
ALL_LEVELS = range(256)


@dataclass(frozen=True)
class ReadKey:
    """The key read from the answers.

    Args:
        key: over the symbols of the ciphertexts. Symbols that only repeat the border carry the
            number of the symbol that they repeat.
        impossible: fraction of symbols whose digits are no symbol's number; above zero only if the
            scheme is not a permutation and mask of such symbols.
    """

    key: PermXor
    impossible: float


def images_needed(shape: ImageShape, unit: Unit, levels: range = ALL_LEVELS) -> int:
    """How many plaintexts :func:`digit_images` asks for: one, and one per digit."""
    symbols, base = _symbol_count(shape, unit), _base(unit, levels)
    count = 1
    while base**count < symbols:
        count += 1
    return 1 + count


def digit_images(shape: ImageShape, unit: Unit, levels: range = ALL_LEVELS) -> Tensor:
    """The plaintexts: an image of the lowest level, then the symbols' numbers, least digit first.

    Args:
        shape: ``(C, H, W)`` of what the scheme transforms.
        unit: what the scheme moves. Every scheme over bytes is one over nibbles too.
        levels: how many levels bytes may have; nibbles need all.

    Returns:
        ``(K, C, H, W)`` uint8.
    """
    numbers, base = np.arange(_symbol_count(shape, unit)), _base(unit, levels)
    rows = np.full((images_needed(shape, unit, levels), len(numbers)), levels.start, np.uint8)
    for place in range(len(rows) - 1):
        rows[1 + place] += (numbers // base**place % base * SPREAD[unit]).astype(np.uint8)
    if unit == "nibble":
        low, high = np.split(rows, 2, axis=1)
        rows = low | high << np.uint8(4)
    return torch.from_numpy(rows.reshape(-1, *shape))


def read_key(answers: Tensor, unit: Unit, levels: range = ALL_LEVELS) -> ReadKey:
    """The key, from the ciphertexts of :func:`digit_images`; exact for every mask.

    Args:
        answers: ``(K, C, H, W)`` uint8 ciphertexts.
        unit: as for the plaintexts.
        levels: as for the plaintexts.

    Raises:
        ImageError: if there are not as many answers as plaintexts.
    """
    image_ops.check(answers, "answers to the chosen plaintexts")
    count, channels, height, width = answers.shape
    shape = (channels, height, width)
    needed = images_needed(shape, unit, levels)
    if count != needed:
        raise ImageError(
            f"there are {count} answers to the chosen plaintexts, not {needed}, as images of "
            f"shape {shape} need."
        )
    rows = as_symbols(answers, unit)
    mask = rows[0] ^ np.uint8(levels.start)
    base, symbols = _base(unit, levels), _symbol_count(shape, unit)
    raised = (rows[1:] ^ mask).astype(np.int64) - levels.start
    digits = (raised // SPREAD[unit]).clip(0, base - 1)
    found = (digits * base ** np.arange(count - 1)[:, None]).sum(0)
    return ReadKey(PermXor(found % symbols, mask, unit), float((found >= symbols).mean()))


def _base(unit: Unit, levels: range) -> int:
    """Digits that a symbol can hold."""
    return len(levels) // SPREAD[unit] if unit == "byte" else 16


def _symbol_count(shape: ImageShape, unit: Unit) -> int:
    return int(np.prod(shape)) * (2 if unit == "nibble" else 1)
