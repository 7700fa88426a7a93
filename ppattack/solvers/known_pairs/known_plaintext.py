"""Key recovery from known plaintexts: symbols are told apart by their values.

The values that one symbol takes in the known images are its signature. A scheme moves signatures
and complements them, so that, with complements folded together, they match between the plain images
and the ciphertexts. Because it is public where symbols can have gone, few pairs suffice. There is
no noise: every match is of equal values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack import blocks
from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.permxor import PermXor
from ppattack.seeding import numpy_stream
from ppattack.solvers.known_pairs.dihedral_matching import match_blocks
from ppattack.solvers.known_pairs.symbols import LEVELS, as_symbols, padded
from ppattack.target.structure import Structure

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.integer]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Match:
    """A key that the known pairs allow.

    Args:
        key: over the symbols of the ciphertexts.
        certain: fraction of symbols for which the pairs and the structure allow no other source.
        ties: sets of ciphertext symbols that could exchange their sources, among those matched one
            by one.
    """

    key: PermXor
    certain: float
    ties: tuple[Numbers, ...] = ()


def match_key(plain: Tensor, ciphertexts: Tensor, structure: Structure) -> Match:
    """The key of the known pairs; symbols that they cannot tell apart are matched in order.

    Args:
        plain: ``(N, C, H, W)`` uint8.
        ciphertexts: ``(N, C, H', W')`` uint8 under one key; H' and W' are those of images
            padded by repeating the last row and column.
        structure: what the scheme says about where symbols can have gone.

    Raises:
        ImageError: if the pairs do not fit together or into blocks.
    """
    image_ops.check(plain, "known plain images")
    image_ops.check(ciphertexts, "their ciphertexts")
    shape: ImageShape = _common_shape(plain, ciphertexts, structure.block_size)
    x = as_symbols(padded(plain, ciphertexts), structure.unit)
    y = as_symbols(ciphertexts, structure.unit)
    kind, block = structure.kind, structure.block_size
    if kind in ("none", "pixels") and structure.unit == "byte":
        return _match_pixels(x, y, shape, colours=structure.colours)
    if kind == "blocks-dihedral" and structure.unit == "byte":
        return _match_dihedral(x, y, shape, structure)
    if kind not in ("shared-block", "blocks"):
        return _match_symbols(x, y, structure)
    if structure.unit == "byte":
        numbers = blocks.byte_numbers(shape, block)
    else:
        numbers = blocks.nibble_numbers(shape, block)
    numbers = numbers.reshape(len(numbers), -1)
    if kind == "shared-block" and not structure.moves_blocks:
        return _match_shared(x, y, numbers, structure)
    return _match_within_blocks(x, y, numbers, structure)


def pair_up(
    ours: NDArray[np.generic], theirs: NDArray[np.generic]
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Pair equal values one to one, in order; what has no equal is paired in order, too.

    Args:
        ours: ``(S,)``.
        theirs: ``(S,)``.

    Returns:
        ``(S,)`` the place among theirs of each one's partner, a permutation; and ``(S,)`` whether
        the two are equal and neither has a twin.
    """
    _, ranks, counts = np.unique(
        np.concatenate([ours, theirs]), return_inverse=True, return_counts=True
    )
    size = len(ours)
    _, here, there = np.intersect1d(
        _numbered(ranks[:size]), _numbered(ranks[size:]), assume_unique=True, return_indices=True
    )
    partner = np.full(size, -1)
    partner[here] = there
    partner[partner < 0] = np.setdiff1d(np.arange(size), there, assume_unique=True)
    equal = ranks[:size] == ranks[size:][partner]
    return partner, equal & (counts[ranks[:size]] == 2)


def _numbered(ranks: Numbers) -> NDArray[np.int64]:
    """Each value and the count of its equals before it, as one number; all are distinct."""
    size = len(ranks)
    order = np.argsort(ranks, kind="stable")
    sorted_ranks = ranks[order]
    occurrence = np.arange(size) - np.searchsorted(sorted_ranks, sorted_ranks)
    numbered = np.empty(size, np.int64)
    numbered[order] = sorted_ranks * np.int64(size + 1) + occurrence
    return numbered


def _match_symbols(x: Bytes, y: Bytes, structure: Structure) -> Match:
    top = LEVELS[structure.unit] - 1
    ours = _signatures(y, top)
    source, certain = pair_up(ours, _signatures(x, top))
    key = PermXor(source, _mask(x, y, source, top), structure.unit)
    return Match(key, _share(certain), tuple(_tied(ours)))


def _match_shared(x: Bytes, y: Bytes, numbers: NDArray[np.int32], structure: Structure) -> Match:
    """One permutation for all blocks: each block of each image is one more value."""
    inner = _match_symbols(_pooled(x, numbers), _pooled(y, numbers), structure)
    index = blocks.place(numbers[None][..., inner.key.index], numbers)[0]
    mask = blocks.place(np.broadcast_to(inner.key.mask, (1, *numbers.shape)), numbers)[0]
    return Match(PermXor(index, mask, structure.unit), inner.certain)


def _match_within_blocks(
    x: Bytes, y: Bytes, numbers: NDArray[np.int32], structure: Structure
) -> Match:
    """First match the blocks, each by its collection of signatures, then the symbols within."""
    top = LEVELS[structure.unit] - 1
    ours, theirs = (_signatures(side, top)[numbers] for side in (y, x))
    collections = np.concatenate([np.sort(ours, 1), np.sort(theirs, 1)])
    names = np.unique(collections, axis=0, return_inverse=True)[1].reshape(2, -1)
    source, block_certain = pair_up(names[0], names[1])
    index = np.empty(numbers.size, np.int64)
    certain = np.zeros(numbers.shape, np.bool_)
    ties: list[Numbers] = []
    for block, origin in enumerate(source):
        inner, sure = pair_up(ours[block], theirs[origin])
        index[numbers[block]] = numbers[origin][inner]
        certain[block] = sure & block_certain[block]
        ties += [numbers[block][tied] for tied in _tied(ours[block])]
    key = PermXor(index, _mask(x, y, index, top), structure.unit)
    return Match(key, _share(certain), tuple(ties))


def _match_pixels(x: Bytes, y: Bytes, shape: ImageShape, *, colours: bool) -> Match:
    """Per pixel, the channel order and the complements with the least sum of differences.

    Unlike the other matches, it tolerates values that are a little off.
    """
    channels = shape[0]
    plain, cipher = (side.reshape(len(side), channels, -1).astype(np.int64) for side in (x, y))
    same, flipped = (
        np.abs(cipher[:, :, None] - side[:, None]).sum(0) for side in (plain, 255 - plain)
    )  # (C cipher, C plain, P)
    cost = np.minimum(same, flipped)
    orders = np.arange(channels)[None]
    if colours and channels == len(blocks.COLOUR_ORDERS[0]):
        orders = blocks.COLOUR_ORDERS
    totals = cost[np.arange(channels), orders].sum(1)  # (R, P)
    ranked = np.sort(totals, axis=0)
    certain = ranked[0] < ranked[1] if len(orders) > 1 else np.ones_like(ranked[0], np.bool_)
    source = orders[totals.argmin(0)].T  # (C, P)
    chosen = source[:, None]
    flip = np.take_along_axis(flipped, chosen, 1) < np.take_along_axis(same, chosen, 1)
    index = source * plain.shape[2] + np.arange(plain.shape[2])
    mask = flip.reshape(-1) * np.uint8(255)
    return Match(PermXor(index.reshape(-1), mask), _share(certain))


def _match_dihedral(x: Bytes, y: Bytes, shape: ImageShape, structure: Structure) -> Match:
    numbers = blocks.byte_numbers(shape, structure.block_size)
    found = match_blocks(
        x[:, numbers], y[:, numbers], colours=structure.colours, lossy=structure.lossy
    )
    pixel = blocks.dihedral_table(structure.block_size)[found.dihedral][:, :, None]
    index = numbers[found.source[:, None, None], pixel, found.channels[:, None]]
    mask = np.broadcast_to(found.negative[:, None, None] * np.uint8(255), index.shape)
    key = PermXor(blocks.place(index[None], numbers)[0], blocks.place(mask[None], numbers)[0])
    return Match(key, _share(found.certain))


def _tied(values: Hashes) -> list[Numbers]:
    """The places of each value that occurs more than once, one array for each."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order])) + 1
    return [group for group in np.split(order, starts) if len(group) > 1]


def _signatures(values: Bytes, top: int) -> Hashes:
    """``(N, S)`` values to one number per symbol, the same for a symbol and its complement."""
    folded = np.where(values[0] > top // 2, values ^ np.uint8(top), values)
    rng = numpy_stream(0, "signatures")
    weights = rng.integers(1 << 64, size=len(values), dtype=np.uint64)
    total = np.zeros(values.shape[1], np.uint64)
    for weight, row in zip(weights, folded, strict=True):
        total += weight * row.astype(np.uint64)
    return total


def _mask(x: Bytes, y: Bytes, source: Numbers, top: int) -> Bytes:
    """Complement symbols whose two sides lie in opposite halves of the range in the first image."""
    mask: Bytes = ((x[0, source] ^ y[0]) > top // 2) * np.uint8(top)
    return mask


def _pooled(values: Bytes, numbers: NDArray[np.int32]) -> Bytes:
    """``(N, S)`` to ``(N·n, s)``: the symbols of each block of each image."""
    return values[:, numbers].reshape(-1, numbers.shape[1])


def _share(certain: NDArray[np.bool_]) -> float:
    return float(certain.mean())


def _common_shape(plain: Tensor, ciphertexts: Tensor, block: int) -> ImageShape:
    count, channels, height, width = ciphertexts.shape
    if (
        len(plain) == 0
        or tuple(plain.shape[:2]) != (count, channels)
        or plain.shape[2] > height
        or plain.shape[3] > width
    ):
        raise ImageError(
            f"the known plain images have shape {tuple(plain.shape)} and their ciphertexts "
            f"{tuple(ciphertexts.shape)}: give one ciphertext, of the same channels and no "
            "smaller, for each plain image."
        )
    if height % block or width % block:
        raise ImageError(f"ciphertexts of {width}x{height} pixels have no blocks of {block}.")
    return channels, height, width
