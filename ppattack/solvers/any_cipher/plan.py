"""Chosen plaintexts for ciphers that nobody described: one set of images that serves every model.

All images look like noise, so that any few of them tell symbols apart. Beyond that:

- the first has a flat spectrum, is far from black and white, and no two of its pixels are alike:
  alone it gives the signs of a transform, an orthogonal matrix, and a permutation of pixels;
- in the next ones every value occurs in numbers of its own: they give a table of bytes (in 258
  images it does so anyway);
- the following ones are codes of the numbers of bits, if there are images for all;
- with 258 or more, every byte takes all values instead: they give a table for every byte;
- with one for every eight bytes and one more, bit planes are independent: they give any affine
  map of bit planes over GF(2).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import idctn
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.maps import Rows
from ppattack.maps.steps import as_symbols
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher.fit import ties
from ppattack.solvers.any_cipher.gf2 import LARGEST, difference_planes, eliminated, planes_needed
from ppattack.solvers.any_cipher.signatures import as_numbers, signatures
from ppattack.solvers.any_cipher.tables import patterns

LEVELS = 256
CONTRAST = 35.0
"""Standard deviation of the first image: whatever turns it, hardly anything is clipped."""
EDGE = 8
"""Edge of the blocks whose spectrum is flat, where an image is made of such blocks."""
FEWEST_COUNTED = 4
"""Images from which some are chosen for the numbers of their values."""
ALL_VALUES = 258
"""Images from which every byte takes all values."""
TRIES = 100
"""Times that symbols which look alike are drawn anew, or the last images are, at most."""
LAST = 4
"""Images that are drawn anew until all are independent."""
CODES = 20
"""Images that codes of bits are spread over at most."""


def plaintexts(shape: ImageShape, most: int) -> Tensor:
    """The plaintexts for a budget of images, ``(K, C, H, W)`` uint8."""
    rows = chosen_images(shape, min(most, most_useful(shape)))
    return torch.from_numpy(rows.reshape(-1, *shape))


def chosen_images(shape: ImageShape, count: int) -> Rows:
    """The plaintexts.

    Args:
        shape: ``(C, H, W)`` of what the scheme transforms.
        count: of images; more than :func:`most_useful` serve no purpose.

    Returns:
        ``(count, S)`` uint8, the same for the same arguments.
    """
    rng = numpy_stream(0, "chosen images", *shape)
    size = int(np.prod(shape))
    rows = rng.integers(0, LEVELS, (count, size), dtype=np.uint8)
    rows[0] = _flat(shape, rng)
    counted = _counted(size, count if count < ALL_VALUES else 0, rng)
    rows[1 : 1 + len(counted)] = counted
    free = 1 + len(counted)  # the first image that can be changed
    if count >= ALL_VALUES:
        _show_all_values(rows, free, rng)
    elif not _code_bits(rows, free, rng):
        _tell_apart(rows, free, rng)
    if planes_needed(size) <= count and size <= LARGEST:
        _make_independent(rows, rng)
    return rows


def most_useful(shape: ImageShape) -> int:
    """How many images the last of the models needs."""
    return max(ALL_VALUES, planes_needed(int(np.prod(shape))) + 1)


def _flat(shape: ImageShape, rng: np.random.Generator) -> Rows:
    """An image whose coefficients all have one size, its pixels made different."""
    channels, height, width = shape
    if height % EDGE or width % EDGE:
        values = rng.normal(0, CONTRAST, shape)
    else:
        tiled = (channels, height // EDGE, EDGE, width // EDGE, EDGE)
        signs = rng.choice([-CONTRAST, CONTRAST], tiled)
        values = idctn(signs, axes=(2, 4), norm="ortho").reshape(shape)
    pixels = (values + 128).round().clip(1, 254).astype(np.uint8).reshape(channels, -1)
    for _ in range(TRIES):
        _, first = np.unique(pixels, axis=1, return_index=True)
        twins = np.setdiff1d(np.arange(pixels.shape[1]), first)
        if not len(twins):
            break
        pixels[:, twins] += rng.integers(0, 3, (channels, len(twins)), dtype=np.uint8) - np.uint8(1)
    return pixels.reshape(-1)


def _counted(size: int, count: int, rng: np.random.Generator) -> Rows:
    """Images in which each value occurs in numbers of its own, as few as suffice; or none."""
    for images in range(2, min(9, count - 1)):
        base = int(np.ceil(LEVELS ** (1 / images)))
        digits = rng.permutation(LEVELS) // base ** np.arange(images)[:, None] % base
        if count >= FEWEST_COUNTED and digits.sum(1).max() <= size:
            rows = [rng.permutation(_spread(numbers, size)) for numbers in digits]
            return np.array(rows, np.uint8)
    return np.empty((0, size), np.uint8)


def _spread(numbers: NDArray[np.integer], size: int) -> NDArray[np.integer]:
    """``size`` values, as often as the numbers say and as often again as there is room for."""
    left = size - int(numbers.sum())
    each = left // LEVELS
    values = np.repeat(np.arange(LEVELS), numbers + each)
    # What is left over goes to the value that is most frequent already.
    rest = np.full(size - len(values), int(numbers.argmax()))
    return np.concatenate([values, rest])


def _code_bits(rows: Rows, free: int, rng: np.random.Generator) -> bool:
    """Give every bit a code of its own over the images from ``free`` on, if there is room."""
    images = min(len(rows) - free, CODES)
    if images < 1:
        return False
    bits = np.unpackbits(rows[:free], axis=1)
    prefix = np.zeros(bits.shape[1], np.int64)
    for row in bits[1:]:
        prefix = 2 * prefix + (row ^ bits[0])
    largest = np.bincount(prefix).max()
    if largest > 1 << images:
        return False
    codes = np.empty(len(prefix), np.int64)
    for value in np.unique(prefix):
        places = np.flatnonzero(prefix == value)
        codes[places] = rng.choice(1 << images, len(places), replace=False)
    differences = codes >> np.arange(images)[:, None] & 1
    coded = bits[0] ^ differences.astype(np.uint8)
    rows[free : free + images] = np.packbits(coded, axis=1)
    return True


def _tell_apart(rows: Rows, free: int, rng: np.random.Generator) -> None:
    """Draw bytes anew that look like others, in the images from ``free`` on."""
    count, size = rows.shape
    if free >= count or count < 3:
        return
    for _ in range(TRIES):
        alike: set[int] = set()
        for combine in ("xor", "add"):
            for group in ties(as_numbers(signatures(rows, combine))):
                alike |= set(group[1:].tolist())
        if 16 ** (count - 1) > 64 * size:
            symbols = as_symbols(rows, "nibble")
            for group in ties(as_numbers(signatures(symbols, "xor"))):
                alike |= {int(each) % size for each in group[1:]}
        if not alike:
            return
        places = np.array(sorted(alike))
        rows[free:, places] = rng.integers(0, LEVELS, (count - free, len(places)), dtype=np.uint8)


def _show_all_values(rows: Rows, free: int, rng: np.random.Generator) -> None:
    """Let every byte take all values, and no two bytes take equal values in the same images.

    Values that a byte takes more than once are replaced by those that it lacks.
    """
    places = np.arange(rows.shape[1])
    for _ in range(TRIES):
        for place in places:
            column = rows[:, place]
            missing = rng.permutation(np.setdiff1d(np.arange(LEVELS), column))
            _, first = np.unique(column, return_index=True)
            twice = np.setdiff1d(np.arange(free, len(column)), first)
            chosen = rng.permutation(twice)[: len(missing)]
            column[chosen] = missing[: len(chosen)]
        alike = ties(patterns(rows))
        if not alike:
            return
        places = np.concatenate([group[1:] for group in alike])
        drawn = rng.integers(0, LEVELS, (len(rows) - free, len(places)), dtype=np.uint8)
        rows[free:, places] = drawn


def _make_independent(rows: Rows, rng: np.random.Generator) -> None:
    """Draw the last images anew until the bit planes of all differences span everything."""
    size = rows.shape[1]
    for _ in range(TRIES):
        if eliminated(difference_planes(rows), size) is not None:
            return
        rows[-LAST:] = rng.integers(0, LEVELS, (LAST, size), dtype=np.uint8)
