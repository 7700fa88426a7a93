"""One matrix modulo 256 for all blocks, which change places too: Hill's cipher and a permutation.

The differences of a block's values to those in the first image are a matrix with a row for each
image. The cipher multiplies it from the right by one that can be inverted, so its column echelon
form stays as it is: by that form blocks are matched. Then the matrix is solved for as if they had
never moved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import BlockModular, Shuffle
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs
from ppattack.solvers.any_cipher.signatures import Hashes
from ppattack.solvers.known_pairs.known_plaintext import pair_up

Bytes = NDArray[np.uint8]
SPARE = 2
"""Images beyond the values of a block, and the first one, that forms need to tell blocks apart."""
MATCHED = 0.99
"""Share of blocks that must have a partner, once the matrix is known."""
INVERSES = np.array([pow(n, -1, 256) if n % 2 else 0 for n in range(256)], np.uint8)


def differences(rows: Bytes, numbers: Numbers) -> Bytes:
    """``(n, N - 1, k)`` differences of the values of each block to those in the first image."""
    blocks = rows[:, numbers]  # (N, n, k)
    return (blocks[1:] - blocks[:1]).swapaxes(0, 1)


def echelon(given: Bytes) -> tuple[Bytes, NDArray[np.bool_]]:
    """The reduced column echelon forms modulo 256 of some matrices.

    Args:
        given: ``(n, R, k)``.

    Returns:
        the forms; and ``(n,)`` whether all columns have a pivot: only then a form is that of all
        products with matrices that can be inverted.
    """
    made, count = given.copy(), len(given)
    every, found = np.arange(count), np.zeros(count, np.intp)
    width = made.shape[2]
    for row in range(made.shape[1]):
        odd = (made[:, row] & 1 == 1) & (np.arange(width) >= found[:, None])
        at = every[odd.any(axis=1)]
        if not len(at):
            continue
        pivot, here = found[at], odd[at].argmax(axis=1)
        first, second = made[at, :, pivot], made[at, :, here]
        made[at, :, here] = first
        second = second * INVERSES[second[:, row]][:, None]
        made[at, :, pivot] = second
        factors = made[at, row].copy()
        factors[np.arange(len(at)), pivot] = 0
        made[at] -= second[:, :, None] * factors[:, None]
        found[at] += 1
    return made, found == width


def matched(plain: Bytes, cipher: Bytes) -> tuple[Numbers, Numbers]:
    """The blocks of ciphertexts that are those of some plain blocks, and these, one to one.

    Args:
        plain: ``(n, R, k)`` differences.
        cipher: likewise.
    """
    (ours, sure), (theirs, known) = echelon(cipher), echelon(plain)
    here, there = np.flatnonzero(sure), np.flatnonzero(known)
    left, right = hashed(ours[here]), hashed(theirs[there])
    _, first, second = np.intersect1d(
        _single(left), _single(right), assume_unique=True, return_indices=True
    )
    return here[_single_at(left)][first], there[_single_at(right)][second]


def hashed(blocks: Bytes) -> Hashes:
    """``(n,)`` numbers that are equal if all values are."""
    flat = blocks.reshape(len(blocks), int(np.prod(blocks.shape[1:])))
    weights = numpy_stream(0, "moved blocks").integers(1 << 64, size=flat.shape[1], dtype=np.uint64)
    made: Hashes = (flat * (weights | np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return made


def _single_at(values: Hashes) -> Numbers:
    """The places of values that occur once, in the order of the values."""
    _, places, counts = np.unique(values, return_index=True, return_counts=True)
    made: Numbers = places[counts == 1]
    return made


def _single(values: Hashes) -> Hashes:
    return values[_single_at(values)]


def moved(pairs: Pairs, numbers: Numbers, matrix: Bytes, inverse: Bytes, words: str) -> Fit | None:
    """The map, given the matrix: every block finds its place, or nearly.

    Args:
        pairs: plain images and ciphertexts.
        numbers: ``(n, k)`` the bytes of each block.
        matrix: ``(k, k)``: of blocks in rows, ``Y = X matrix``.
        inverse: likewise.
        words: the blocks in words.
    """
    plain, cipher = (differences(side, numbers) for side in (pairs.plain, pairs.cipher))
    turned = (plain.astype(np.float32) @ matrix.astype(np.float32) % 256).astype(np.uint8)
    ours, theirs = hashed(cipher), hashed(turned)
    source, alone = pair_up(ours, theirs)
    if (ours == theirs[source]).mean() < MATCHED:
        return None
    index = np.arange(pairs.size)
    index[numbers] = numbers[source]
    before = Shuffle(index, np.zeros(pairs.size, np.uint8))
    nothing = np.zeros(numbers.shape, np.uint8)
    step = BlockModular(numbers, matrix.T.copy(), nothing, inverse.T.copy())
    offset = pairs.cipher[:1] - step.apply(before.apply(pairs.plain[:1]))
    step = BlockModular(numbers, step.matrix, offset[0, numbers], step.inverse)
    proof = f"{alone.mean():.1%} of the blocks match one to one under one matrix"
    name = f"one matrix modulo 256 for {words}, which change places"
    return Fit(name, (before, step), certain=float(alone.mean()), proof=proof)
