"""Key recovery from chosen plaintexts: every symbol says its own number.

Whatever a scheme does, if it moves symbols and combines them with a mask, a black image shows
the mask, and images made of the digits of the symbols' numbers show where each went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.keys import ImageShape
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.symbols import as_symbols

BASES: dict[Unit, int] = {"byte": 128, "nibble": 16}
"""Digits a symbol can hold. A byte holds a digit twice over, and not one of 256, because
published code that truncates shifts bytes by one."""
SPREAD: dict[Unit, int] = {"byte": 2, "nibble": 1}


@dataclass(frozen=True)
class ReadKey:
    """What was read from the answers.

    Args:
        key: over the symbols of the ciphertexts. Symbols that only repeat the border carry the
            number of the symbol that they repeat.
        impossible: fraction of symbols whose digits are no symbol's number; above zero only
            where the scheme is no permutation and mask of such symbols.
    """

    key: PermXor
    impossible: float


def images_needed(image_shape: ImageShape, unit: Unit) -> int:
    """How many plaintexts :func:`digit_images` asks for: one, and one a digit."""
    return 1 + _digit_count(_symbol_count(image_shape, unit), unit)


def digit_images(image_shape: ImageShape, unit: Unit) -> Tensor:
    """The plaintexts: a black image, then the symbols' numbers, least digit first.

    Args:
        image_shape: ``(C, H, W)`` of the plain images.
        unit: what the scheme moves. Every scheme over bytes is one over nibbles too.

    Returns:
        ``(K, C, H, W)`` uint8.
    """
    numbers = np.arange(_symbol_count(image_shape, unit))
    rows = np.zeros((images_needed(image_shape, unit), len(numbers)), np.uint8)
    for place in range(len(rows) - 1):
        rows[1 + place] = numbers // BASES[unit] ** place % BASES[unit] * SPREAD[unit]
    if unit == "nibble":
        low, high = np.split(rows, 2, axis=1)
        rows = low | high << np.uint8(4)
    return torch.from_numpy(rows.reshape(-1, *image_shape))


def read_key(answers: Tensor, image_shape: ImageShape, unit: Unit) -> ReadKey:
    """The key, from the ciphertexts of :func:`digit_images`; exact for every mask.

    Args:
        answers: ``(K, C, H', W')`` uint8 ciphertexts, H' and W' at least H and W.
        image_shape: ``(C, H, W)`` of the plain images.
        unit: as for the plaintexts.

    Raises:
        ImageError: where the answers are not as many as the plaintexts, or smaller.
    """
    image_ops.check(answers, "answers to the chosen plaintexts")
    channels, height, width = image_shape
    count = images_needed(image_shape, unit)
    shape = tuple(answers.shape)
    if shape[:2] != (count, channels) or shape[2] < height or shape[3] < width:
        raise ImageError(
            f"the answers to the chosen plaintexts have shape {shape}, not ({count}, {channels}, "
            f"{height} or more, {width} or more)."
        )
    rows = as_symbols(answers, unit)
    mask = rows[0].copy()
    digits = ((rows[1:] ^ mask) // SPREAD[unit]).astype(np.int64)
    found = (digits * BASES[unit] ** np.arange(count - 1)[:, None]).sum(0)
    symbols = _symbol_count(image_shape, unit)
    index = _in_padded_image(found % symbols, image_shape, (shape[2], shape[3]))
    return ReadKey(PermXor(index, mask, unit), float((found >= symbols).mean()))


def _in_padded_image(
    numbers: NDArray[np.int64], image_shape: ImageShape, size: tuple[int, int]
) -> NDArray[np.int64]:
    """Numbers of symbols of the plain image, as numbers of symbols of the padded one."""
    _, height, width = image_shape
    plane, place = np.divmod(numbers, height * width)
    row, column = np.divmod(place, width)
    moved: NDArray[np.int64] = (plane * size[0] + row) * size[1] + column
    return moved


def _symbol_count(image_shape: ImageShape, unit: Unit) -> int:
    return int(np.prod(image_shape)) * (2 if unit == "nibble" else 1)


def _digit_count(symbols: int, unit: Unit) -> int:
    count = 1
    while BASES[unit] ** count < symbols:
        count += 1
    return count
