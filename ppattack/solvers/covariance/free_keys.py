"""The key of a scheme of which only the blocks are known, if that: symbols can have gone far.

Correlations first tell high nibbles from low ones and match the high ones. The places of the low
ones follow from what the high ones predict.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import dihedral_table
from ppattack.context import Alone, Workers
from ppattack.data.stacks import Images
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.covariance import (
    block_symbols,
    blocks_first,
    gaussian_matching,
    low_nibbles,
    signed_matching,
)
from ppattack.solvers.covariance.moments import CHUNK_ROWS, Moments
from ppattack.solvers.covariance.shared_block_keys import most_correlated
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.matching.products import Products
from ppattack.solvers.sums import gathered

Places = NDArray[np.intp]
SORTING_IMAGES = 1000
"""Ciphertexts that are enough to tell high nibbles from low ones."""
NOISE_FLOOR = 3.0
"""Correlations below this many standard errors say nothing about that."""


def recover(
    ciphertexts: Images,
    public: Tensor,
    unit: Unit,
    block: int | None,
    workers: Workers | None = None,
    jpeg: Jpeg | None = None,
    others: Others | None = None,
) -> KeyEstimate:
    """A signed permutation of the symbols, found by the correlations of all of them.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, all under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        unit: what is moved.
        block: edge of the blocks that keep their symbols together, pixels; None if any symbol can
            be anywhere.
        workers: gather statistics; None for this process.
        jpeg: what the ciphertexts went through, or None.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
    """
    workers = workers or Alone()
    channels, height, width = (int(size) for size in ciphertexts.shape[1:])
    shape = (channels, height, width)
    numbers = block_symbols.numbers(shape, block, unit) if block else _one_block(shape, unit)
    seen = _high(ciphertexts, numbers) if unit == "nibble" else numbers
    known = numbers[:, numbers.shape[1] // 2 :] if unit == "nibble" else numbers
    ours = gathered(partial(_moments, seen, unit), ciphertexts, workers)
    theirs = gathered(partial(_moments, known, unit), public, workers)
    cipher, plain = (side.correlation().float().cpu().numpy() for side in (ours, theirs))
    products = Products.on(ciphertexts.device)
    cells, places = seen.reshape(-1), known.reshape(-1)
    turned: list[Places] = []
    if block:
        permutation, signs = blocks_first.inside_blocks(
            cipher, plain, block_symbols.turns(block, channels)
        )
        inside = whole_key(cells, places[permutation], signs < 0, numbers.size, unit)
        rough = blocks_first.scrambling(inside, ciphertexts, public, block)
        rank = np.empty(numbers.size, np.intp)
        rank[places] = np.arange(places.size)
        permutation = rank[rough.index[cells]]
        signs = np.where(rough.mask[cells] > 0, -1, 1).astype(np.int8)
    else:
        turned = symmetries(known, shape)
        means = _relative_mean(ours), _relative_mean(theirs)
        found = signed_matching.match(cipher, plain, turned, means, products)
        permutation, signs = found.permutation, found.signs
    permutation, signs, misfit = gaussian_matching.likeliest(
        cipher, plain, permutation, signs, turned, seen.shape[1] if block else None, products
    )
    key = whole_key(cells, places[permutation], signs < 0, numbers.size, unit)
    notes = {"misfit": round(misfit, 4)}
    low_known = unit == "byte"
    if unit == "nibble":
        key, low_known = low_nibbles.complete(
            key, ciphertexts, public, numbers, shared=False, workers=workers
        )
    return KeyEstimate(key, low_known, notes).settled(ciphertexts, public, jpeg=jpeg, others=others)


def _one_block(shape: tuple[int, int, int], unit: Unit) -> NDArray[np.int32]:
    size = shape[0] * shape[1] * shape[2] * (2 if unit == "nibble" else 1)
    return np.arange(size, dtype=np.int32)[None]


def _symbols(images: Tensor, numbers: NDArray[np.int32], unit: Unit) -> Tensor:
    """``(N, len(numbers))`` uint8."""
    import torch

    flat = images.reshape(len(images), -1)
    index = torch.from_numpy(numbers.reshape(-1).astype(np.int64)).to(images.device)
    bytes_ = flat.gather(1, (index % flat.shape[1]).expand(len(flat), -1))
    if unit == "byte":
        return bytes_
    return (bytes_ >> (index >= flat.shape[1]).byte() * 4) & 15


def _moments(numbers: NDArray[np.int32], unit: Unit, images: Tensor) -> Moments:
    moments = Moments(numbers.size, 16 if unit == "nibble" else 256, images.device)
    for chunk in images.split(CHUNK_ROWS):
        moments.add(_symbols(chunk, numbers, unit))
    return moments


def _relative_mean(moments: Moments) -> NDArray[np.float64]:
    """Means relative to mid-grey in standard deviations; 0 for symbols that never change."""
    spread = moments.covariance().diagonal().clamp_min(0).sqrt()
    relative = (moments.mean() / spread.clamp_min(1e-6)) * (spread > 1e-6)
    out: NDArray[np.float64] = relative.cpu().numpy()
    return out


def _high(ciphertexts: Images, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """The high nibbles ``(n, S / 2)`` among the symbols ``(n, S)`` of each block: half of them."""
    some = ciphertexts[:SORTING_IMAGES]
    floor = NOISE_FLOOR / np.sqrt(len(some))
    rows = []
    for row in numbers:
        strength = np.abs(_moments(row, "nibble", some).correlation().cpu().numpy())
        rows.append(row[most_correlated(np.where(strength > floor, strength, 0), len(row) // 2)])
    return np.stack(rows)


def whole_key(
    cipher: NDArray[np.integer],
    plain: NDArray[np.integer],
    negative: NDArray[np.bool_],
    size: int,
    unit: Unit,
) -> PermXor:
    """The whole table; unmatched symbols take the remaining places, in order.

    Args:
        cipher: numbers of the symbols that were matched.
        plain: their sources.
        negative: whether they are complemented.
        size: how many symbols there are.
        unit: what a symbol is.
    """
    index = np.full(size, -1, np.int64)
    index[cipher] = plain
    index[index < 0] = np.setdiff1d(np.arange(size), plain)
    mask = np.zeros(size, np.uint8)
    mask[cipher[negative]] = 15 if unit == "nibble" else 255
    return PermXor(index, mask, unit)


def symmetries(numbers: NDArray[np.int32], shape: tuple[int, int, int]) -> list[Places]:
    """The permutations of symbols that turning and mirroring plain images makes."""
    channels, height, width = shape
    pixels = np.arange(height * width)
    if height == width:
        turned = list(dihedral_table(height)[1:])
    else:
        grid = pixels.reshape(height, width)
        turned = [grid[::-1].ravel(), grid[:, ::-1].ravel(), grid[::-1, ::-1].ravel()]
    order = numbers.reshape(-1) % (channels * height * width)
    rank = np.empty(order.size, np.intp)
    rank[order] = np.arange(order.size)
    channel, pixel = np.divmod(order, height * width)
    return [rank[channel * (height * width) + moved[pixel]] for moved in turned]
