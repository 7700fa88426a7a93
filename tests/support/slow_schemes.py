"""The schemes once more, pixel by pixel, as their papers tell them: an independent check.

Everything here is plain loops over one image ``(H, W, C)`` and shares no code with the targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Numbers = NDArray[np.generic]
COLOURS = ["RGB", "RBG", "GRB", "GBR", "BRG", "BGR"]


def le(image: Image, permutation: Numbers, negative: Numbers, block: int) -> Image:
    """Every block through one nibble key."""
    out = np.zeros_like(image)
    for top in range(0, image.shape[0], block):
        for left in range(0, image.shape[1], block):
            part = image[top : top + block, left : left + block]
            out[top : top + block, left : left + block] = _le_block(part, permutation, negative)
    return out


def _le_block(part: Image, permutation: Numbers, negative: Numbers) -> Image:
    values = [int(value) for row in part for pixel in row for value in pixel]
    nibbles = [value % 16 for value in values] + [value // 16 for value in values]
    moved = []
    for source, flip in zip(permutation, negative, strict=True):
        nibble = nibbles[int(source)]
        moved.append(15 - nibble if flip else nibble)
    half = len(values)
    merged = [moved[d] + 16 * moved[half + d] for d in range(half)]
    return np.array(merged, dtype=np.uint8).reshape(part.shape)


def ele(
    image: Image, order: Numbers, permutations: Numbers, negatives: Numbers, block: int
) -> Image:
    """Block b through nibble key b, then block ``order[i]`` to place i."""
    parts = _blocks(image, block)
    locked = [
        _le_block(part, permutation, negative)
        for part, permutation, negative in zip(parts, permutations, negatives, strict=True)
    ]
    return _image([locked[int(source)] for source in order], image.shape, block)


def pe(image: Image, negative: Numbers, colour: Numbers | None) -> Image:
    """Complement values, ``negative`` (C, H, W), then reorder each pixel's colours, (H, W)."""
    out = np.zeros_like(image)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            pixel = [
                255 - int(value) if negative[channel, row, column] else int(value)
                for channel, value in enumerate(image[row, column])
            ]
            if colour is not None:
                pixel = [pixel["RGB".index(name)] for name in COLOURS[int(colour[row, column])]]
            out[row, column] = pixel
    return out


def etc(
    image: Image,
    permutation: Numbers,
    dihedral: Numbers,
    negative: Numbers,
    orders: Sequence[Sequence[int]],
    block: int,
) -> Image:
    """Permute blocks; flip, turn, complement and recolour each, keys by output block."""
    height, width, _ = image.shape
    across = width // block
    out = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            i = row // block * across + column // block
            a, b = _before_turning(row % block, column % block, int(dihedral[i]) % 4, block)
            if dihedral[i] >= 4:
                b = block - 1 - b
            source = int(permutation[i])
            pixel = image[source // across * block + a, source % across * block + b]
            pixel = [255 - int(value) if negative[i] else int(value) for value in pixel]
            out[row, column] = [pixel[channel] for channel in orders[i]]
    return out


def side_by_side(image: Image, color_space: str, subsampling: str) -> Image:
    """The components of a colour image as one grey image ``(H, W', 1)``."""
    height, width, _ = image.shape
    planes = [[[0] * width for _ in range(height)] for _ in range(3)]
    for row in range(height):
        for column in range(width):
            colour = [int(value) for value in image[row, column]]
            if color_space == "ycbcr":
                colour = _ycbcr(*colour)
            for plane, value in zip(planes, colour, strict=True):
                plane[row][column] = value
    if subsampling == "420":
        chroma = _mean_of_four(planes[1]) + _mean_of_four(planes[2])
        rows = [planes[0][row] + chroma[row] for row in range(height)]
    else:
        rows = [planes[0][row] + planes[1][row] + planes[2][row] for row in range(height)]
    return np.array(rows, dtype=np.uint8)[:, :, None]


def _ycbcr(red: int, green: int, blue: int) -> list[int]:
    """Full-range JFIF components in exact decimals, rounded half up."""
    r, g, b = Decimal(red), Decimal(green), Decimal(blue)
    exact = [
        Decimal("0.299") * r + Decimal("0.587") * g + Decimal("0.114") * b,
        Decimal("-0.168736") * r - Decimal("0.331264") * g + Decimal("0.5") * b + 128,
        Decimal("0.5") * r - Decimal("0.418688") * g - Decimal("0.081312") * b + 128,
    ]
    return [min(255, int(value.quantize(Decimal(1), ROUND_HALF_UP))) for value in exact]


def _mean_of_four(plane: list[list[int]]) -> list[list[int]]:
    return [
        [
            (upper[i] + upper[i + 1] + lower[i] + lower[i + 1] + 2) // 4
            for i in range(0, len(upper), 2)
        ]
        for upper, lower in zip(plane[::2], plane[1::2], strict=True)
    ]


def _before_turning(a: int, b: int, turns: int, block: int) -> tuple[int, int]:
    """Where the pixel at (a, b) was before quarter turns counter-clockwise."""
    last = block - 1
    return [(a, b), (b, last - a), (last - a, last - b), (last - b, a)][turns]


def _blocks(image: Image, block: int) -> list[Image]:
    height, width, _ = image.shape
    return [
        image[top : top + block, left : left + block]
        for top in range(0, height, block)
        for left in range(0, width, block)
    ]


def _image(parts: list[Image], shape: tuple[int, ...], block: int) -> Image:
    across = shape[1] // block
    rows = [np.hstack(parts[i : i + across]) for i in range(0, len(parts), across)]
    return np.vstack(rows)
