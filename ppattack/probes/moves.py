"""Where the symbols of an image go, if every one of them decides one symbol of the ciphertext."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.probes.box import Box
from ppattack.probes.finding import Finding, not_measured
from ppattack.probes.footprints import block_edges


def sources(box: Box, *, bits: bool) -> NDArray[np.intp] | None:
    """For every byte (or bit) of the ciphertext the byte (or bit) of the image that decides it.

    As many images as the numbers of the symbols have binary digits, and one of zeros: a byte is
    255 (a bit 1) where that digit of its number is 1. None if that is no permutation.

    Args:
        box: answers with as many symbols as it is given.
        bits: whether bits are followed, not bytes; the lowest of a byte comes first.
    """
    size = int(np.prod(box.shape)) * (8 if bits else 1)
    digits = np.arange(size) >> np.arange(max(1, (size - 1).bit_length()))[:, None] & 1
    plain = np.concatenate([np.zeros((1, size), np.uint8), digits.astype(np.uint8)])
    if bits:
        answers = box(np.packbits(plain, axis=1, bitorder="little"))
        answers = np.unpackbits(answers, axis=1, bitorder="little")
    else:
        answers = box(plain * 255)
    seen = answers[1:] != answers[0]
    found: NDArray[np.intp] = (seen << np.arange(len(seen))[:, None]).sum(axis=0)
    if len(found) != size or not np.array_equal(np.sort(found), np.arange(size)):
        return None
    return found


def moves(found: NDArray[np.intp] | None, shape: ImageShape) -> Finding:
    """How far symbols go: nowhere, within their pixel or block, with their block, or anywhere.

    Args:
        found: as :func:`sources` gave it.
        shape: ``(C, H, W)``.

    Statistic: the share of symbols that are not in their old place; it holds if there are any.
    """
    if found is None:
        return not_measured("moves", "where symbols go was not measured: they are mixed")
    symbols = len(found) // int(np.prod(shape))
    share = float((found != np.arange(len(found))).mean())
    inside, whole = confined(found, shape), moved_whole(found, shape)
    facts = {"symbols_per_byte": symbols, "inside": inside, "whole": whole}
    if share == 0:
        words = "nothing changes its place"
    elif inside == 1:
        words = "symbols change places within their pixel only"
    elif inside is not None:
        words = f"symbols change places within {inside}x{inside} blocks only"
    elif whole == 1:
        words = "whole pixels change places"
    elif whole is not None:
        words = f"whole blocks of {whole}x{whole} change places"
    else:
        words = "symbols go anywhere in the image"
    return Finding("moves", share > 0, words, round(share, 4), 0.0, facts)


def confined(found: NDArray[np.intp], shape: ImageShape) -> int | None:
    """The edge of the smallest blocks that no symbol leaves; None if there are none."""
    for edge in block_edges(shape):
        blocks = _blocks(len(found), shape, edge)
        if np.array_equal(blocks[found], blocks):
            return edge
    return None


def moved_whole(found: NDArray[np.intp], shape: ImageShape) -> int | None:
    """The edge of the largest blocks whose symbols all come from one block; None if none do."""
    for edge in reversed(block_edges(shape)):
        blocks = _blocks(len(found), shape, edge)
        order = np.argsort(blocks, kind="stable").reshape(blocks.max() + 1, -1)
        theirs = blocks[found][order]
        if (theirs == theirs[:, :1]).all():
            return edge
    return None


def _blocks(count: int, shape: ImageShape, edge: int) -> NDArray[np.intp]:
    """The number of the block of every symbol."""
    channels, height, width = shape
    rows, columns = np.arange(height) // edge, np.arange(width) // edge
    plane = rows[:, None] * (width // edge) + columns
    symbols = count // (channels * height * width)
    every = np.broadcast_to(plane, (channels, height, width)).ravel()
    made: NDArray[np.intp] = np.repeat(every, symbols)
    return made
