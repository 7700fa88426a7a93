"""Matrices modulo 256 for blocks of bytes, as in Hill's cipher, all under the same matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.maps import BlockModular
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher import chains, moved_blocks
from ppattack.solvers.any_cipher.cuts import cuts
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs

Bytes = NDArray[np.uint8]
RUNS = (2, 3, 4, 6, 8, 16)
"""Bytes in a row that are tried as a block, in each order of the bytes."""
EDGES = (1, 2, 4)
"""Edges of square blocks that are tried, pixels."""
LARGEST = 64
"""Bytes of a block at most."""
LEFT = 24
"""Blocks beyond the unknowns that must agree: by chance they do with 256^-24."""
SPARE = 200
"""Blocks that are used beyond the unknowns: differences that are even give no pivot."""


def block_matrices(pairs: Pairs) -> Fit | None:
    """One matrix for all blocks, each with an offset of its own: ``y = A x + b`` modulo 256.

    Differences to the first image do away with the offsets; of a single pair, differences to the
    first block do, if all have the same. Reference: L. S. Hill, Cryptography in an Algebraic
    Alphabet, The American Mathematical Monthly 36(6), 1929, doi:10.1080/00029890.1929.11986963.

    Blocks may change places too; then as many pairs are needed as a block has bytes, and three.

    Args:
        pairs: one or more.
    """
    if pairs.plain_shape != pairs.cipher_shape:
        return None
    every = list(_cuts(pairs.plain_shape))
    for numbers, words in every:
        fit = _in_place(pairs, numbers, words)
        if fit is not None:
            return fit
    for numbers, words in every:
        fit = _elsewhere(pairs, numbers, words)
        if fit is not None:
            return fit
    return None


def _in_place(pairs: Pairs, numbers: Numbers, words: str) -> Fit | None:
    plain, cipher = _differences(pairs, numbers)
    size = numbers.shape[1]
    if len(plain) < size + LEFT:
        return None
    both = _matrices(plain, cipher)
    if both is None:
        return None
    matrix, inverse = both
    # y = A x means Y = X A^T for blocks in rows.
    offset = pairs.cipher[0, numbers] - _times(matrix, pairs.plain[0, numbers])
    step = BlockModular(numbers, matrix.T.copy(), offset, inverse.T.copy())
    proof = f"{len(plain) - size:,} equations more than unknowns, all true"
    name = f"one matrix modulo 256 for {words}"
    return Fit(name, (step,), certain=1.0, proof=proof)


def _elsewhere(pairs: Pairs, numbers: Numbers, words: str) -> Fit | None:
    """Blocks that change places."""
    size = numbers.shape[1]
    if pairs.count < 1 + size + moved_blocks.SPARE or len(numbers) < 2:
        return None
    plain, cipher = (moved_blocks.differences(x, numbers) for x in (pairs.plain, pairs.cipher))
    here, there = moved_blocks.matched(plain, cipher)
    known, seen = plain[there].reshape(-1, size), cipher[here].reshape(-1, size)
    if len(here) < size + LEFT:
        return None
    both = _matrices(known, seen)
    return None if both is None else moved_blocks.moved(pairs, numbers, *both, words)


def _matrices(plain: Bytes, cipher: Bytes) -> tuple[Bytes, Bytes] | None:
    """The matrix that leads from all plain rows to those of the ciphertexts, and its inverse."""
    size = plain.shape[1]
    some = numpy_stream(0, "blocks").permutation(len(plain))[: size + SPARE]
    matrix = _solved(plain[some], cipher[some])
    if matrix is None or not np.array_equal(_times(matrix, plain), cipher):
        return None
    inverse = _solved(matrix, np.eye(size, dtype=np.uint8))
    return None if inverse is None else (matrix, inverse)


def _cuts(shape: ImageShape) -> Iterator[tuple[Numbers, str]]:
    """Runs of bytes, and square blocks of pixels."""
    seen: set[tuple[int, bytes]] = set()
    found: list[tuple[Numbers, str]] = [
        (scan.reshape(-1, length), f"runs of {length} bytes")
        for length in RUNS
        for scan in chains.scans(shape)[::2]
        if not len(scan) % length
    ]
    found += [(each, words) for each, words in cuts(shape, EDGES) if 1 < each.shape[1] <= LARGEST]
    for numbers, words in found:
        inside = np.sort(numbers, axis=1)
        name = numbers.shape[1], inside[inside[:, 0].argsort()].tobytes()
        if name not in seen:
            seen.add(name)
            yield numbers, words


def _differences(pairs: Pairs, numbers: Numbers) -> tuple[Bytes, Bytes]:
    """``(M, k)`` differences of plain blocks and of their ciphertexts."""
    both = []
    for rows in (pairs.plain, pairs.cipher):
        blocks = rows[:, numbers]  # (N, n, k)
        apart = blocks[1:] - blocks[:1] if len(rows) > 1 else blocks[:, 1:] - blocks[:, :1]
        both.append(apart.reshape(-1, numbers.shape[1]))
    told = both[0].any(axis=1) | both[1].any(axis=1)
    return both[0][told], both[1][told]


def _times(matrix: Bytes, rows: Bytes) -> Bytes:
    """``rows @ matrix`` modulo 256."""
    made: Bytes = (rows.astype(np.float32) @ matrix.astype(np.float32) % 256).astype(np.uint8)
    return made


def _solved(left: Bytes, right: Bytes) -> Bytes | None:
    """M of ``left @ M == right`` modulo 256, by elimination; None if there is none or no one M."""
    system = np.concatenate([left, right], axis=1)
    size = left.shape[1]
    for column in range(size):
        odd = np.flatnonzero(system[column:, column] & 1)
        if not len(odd):
            return None
        at = column + int(odd[0])
        system[[column, at]] = system[[at, column]]
        system[column] *= np.uint8(pow(int(system[column, column]), -1, 256))
        factors = system[:, column].copy()
        factors[column] = 0
        system -= factors[:, None] * system[column]
    if system[size:].any():
        return None
    made: Bytes = system[:size, size:]
    return made
