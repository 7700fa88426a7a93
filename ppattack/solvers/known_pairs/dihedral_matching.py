"""Which block became which, if blocks were moved, turned, complemented and recoloured as a whole.

Known images tell, by the equality of hashes of the blocks in all their states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from ppattack import blocks
from ppattack.seeding import numpy_stream

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.integer]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class BlockMatch:
    """What became of each ciphertext block; arrays over the n blocks.

    Args:
        source: ``(n,)`` the plain block it was.
        dihedral: ``(n,)`` its element of :func:`ppattack.blocks.dihedral_table`.
        channels: ``(n, C)`` the source of each of its channels.
        negative: ``(n,)`` whether it was complemented.
        certain: ``(n,)`` whether nothing else explains its values.
    """

    source: Numbers
    dihedral: Numbers
    channels: Numbers
    negative: NDArray[np.bool_]
    certain: NDArray[np.bool_]


def match_blocks(plain: Bytes, cipher: Bytes, *, colours: bool, lossy: bool) -> BlockMatch:
    """Match every ciphertext block with the plain block and the state that give its values.

    Args:
        plain: ``(N, n, B², C)`` the blocks of the known images.
        cipher: same shape, the blocks of their ciphertexts.
        colours: whether channels may change places.
        lossy: whether a channel may also overwrite another.
    """
    count, channels = plain.shape[1], plain.shape[3]
    orders = _channel_orders(channels, colours=colours, lossy=lossy)
    candidates = _state_hashes(plain, orders)  # (n, states)
    values, ours = np.unique(_hashes(cipher), return_inverse=True)
    place = np.searchsorted(values, candidates).clip(max=len(values) - 1)
    origin, state = np.nonzero(values[place] == candidates)
    value = place[origin, state]
    ways = np.bincount(value, minlength=len(values))
    # One way from a plain block to a value is as good as another: keep the first.
    pairs, first = np.unique(origin * len(values) + value, return_index=True)
    found = _assign(pairs // len(values), pairs % len(values), ours, count)
    wanted = found * len(values) + ours
    matched = np.isin(wanted, pairs)
    chosen = np.zeros(count, np.int64)
    chosen[matched] = state[first[np.searchsorted(pairs, wanted[matched])]]
    negative, dihedral, order = np.unravel_index(chosen, (2, 8, len(orders)))
    return BlockMatch(
        source=found,
        dihedral=dihedral,
        channels=orders[order],
        negative=negative == 1,
        certain=matched & (ways[ours] == 1),
    )


def _assign(origin: Numbers, value: Numbers, ours: Numbers, count: int) -> Numbers:
    """For each ciphertext block an unused plain block that gives its value, if any is left."""
    by_value = coo_matrix((np.ones(len(origin)), (value, origin)), (ours.max() + 1, count)).tocsr()
    found: Numbers = maximum_bipartite_matching(by_value[ours], perm_type="column")
    found = found.astype(np.int64)
    found[found < 0] = np.setdiff1d(np.arange(count), found)
    return found


def _channel_orders(channels: int, *, colours: bool, lossy: bool) -> Numbers:
    """``(R, C)``: what the channels of a block can be, the unchanged order first."""
    unchanged: Numbers = np.arange(channels)[None]
    if not colours or channels != len(blocks.COLOUR_ORDERS[0]):
        return unchanged
    if not lossy:
        return blocks.COLOUR_ORDERS
    every = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1)
    rest = every[~(every[:, None] == blocks.COLOUR_ORDERS).all(2).any(1)]
    orders: Numbers = np.concatenate([blocks.COLOUR_ORDERS, rest])
    return orders


def _weights(shape: tuple[int, ...]) -> Hashes:
    """``(N, B², C)``: the weight of each value of a block in its hash."""
    images, _, pixels, channels = shape
    rng = numpy_stream(0, "block hashes")
    return rng.integers(1 << 64, size=(images, pixels, channels), dtype=np.uint64)


def _hashes(values: Bytes) -> Hashes:
    """``(n,)``: equal for equal blocks, and hardly ever for others (arithmetic modulo 2^64)."""
    total = np.zeros(values.shape[1], np.uint64)
    for weights, image in zip(_weights(values.shape), values, strict=True):
        total += (image * weights).sum((1, 2))
    return total


def _state_hashes(values: Bytes, orders: Numbers) -> Hashes:
    """``(n, 2·8·R)``: the hash that each block would have in each state.

    The hash is linear, so it is a sum over channels, and the hash of a complement follows from it.
    """
    images, count, pixels, channels = values.shape
    weights = _weights(values.shape)
    turns = blocks.dihedral_table(int(np.sqrt(pixels)))
    partial = np.zeros((count, len(turns), channels, channels), np.uint64)
    for image in range(images):
        block = values[image].astype(np.uint64)
        for turn, table in enumerate(turns):
            moved = block[:, table]  # (n, B², C source)
            for channel in range(channels):
                weight = weights[image, :, channel, None]
                partial[:, turn, channel] += (moved * weight).sum(1)
    upright = partial[:, :, np.arange(channels), orders].sum(-1)  # (n, 8, R)
    whole = (weights * np.uint64(255)).sum()
    return np.stack([upright, whole - upright], axis=1).reshape(count, -1)
