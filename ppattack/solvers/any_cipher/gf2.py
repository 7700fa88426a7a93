"""Affine maps over GF(2): of bit planes that all go the same way, or of all bits of small images.

Whatever rounds of permutations, XOR masks and XOR chains a cipher has, it is ``y = A x + b``. The
differences of images to the first one give A by elimination.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import Affine, Rows
from ppattack.solvers.any_cipher.fit import Fit, Pairs
from ppattack.solvers.any_cipher.neighbours import roughness

Words = NDArray[np.uint64]
LARGEST = 12_288
"""Unknowns at most: a matrix of 64-pixel colour images, which takes a minute."""
SMOOTH = 0.5
"""Roughness below which decrypted ciphertexts are photographs; that of random images is 1."""
AT_ONCE = 8
"""Columns eliminated at a time, with a table of all their sums (the method of four Russians)."""
CHECKED = 8
"""Ciphertexts that are decrypted if no equation is left to check with."""
FEWEST_CHECKED = 512
"""Bytes of these at least: the roughness of as many random ones is 1 with a deviation of .07."""


def planes_needed(size: int) -> int:
    """Images that determine a map of bit planes: one, and eight equations from each further one."""
    return 1 + -(-size // 8)


def bits_needed(size: int) -> int:
    """Images that determine a map of all bits."""
    return 1 + 8 * size


def planes(pairs: Pairs) -> Fit | None:
    """The same map on every bit plane.

    Args:
        pairs: as many as :func:`planes_needed` if they are chosen, some more if not.
    """
    if pairs.count < planes_needed(pairs.size) or pairs.size > LARGEST:
        return None
    return _solved(
        pairs, difference_planes(pairs.plain), difference_planes(pairs.cipher), "every bit plane"
    )


def bits(pairs: Pairs) -> Fit | None:
    """A map of all bits, for small images.

    Args:
        pairs: as many as :func:`bits_needed` if they are chosen, some more if not.
    """
    if pairs.count < bits_needed(pairs.size) or 8 * pairs.size > LARGEST:
        return None
    plain, cipher = (np.unpackbits(side, axis=1) for side in (pairs.plain, pairs.cipher))
    return _solved(pairs, plain[1:] ^ plain[0], cipher[1:] ^ cipher[0], "all bits")


def difference_planes(rows: Rows) -> Rows:
    """``(8 (N - 1), S)`` the bit planes of the differences to the first image."""
    differences = rows[1:] ^ rows[0]
    shifts = np.arange(8, dtype=np.uint8)[None, :, None]
    planes = differences[:, None] >> shifts & np.uint8(1)
    made: Rows = planes.reshape(-1, rows.shape[1])
    return made


def _solved(pairs: Pairs, plain: Rows, cipher: Rows, what: str) -> Fit | None:
    size = plain.shape[1]
    reduced = eliminated(np.concatenate([plain, cipher], axis=1), size)
    if reduced is None:
        return None
    solution, rest = reduced
    if rest.any():
        return None
    back = eliminated(np.concatenate([solution, np.eye(size, dtype=np.uint8)], axis=1), size)
    if back is None:
        return None
    matrix, inverse = solution.T, back[0].T
    packed = [np.packbits(each, axis=1) for each in (matrix, inverse)]
    step = Affine(packed[0], packed[1], np.zeros(pairs.size, np.uint8))
    offset = step.apply(pairs.plain[:1])[0] ^ pairs.cipher[0]
    step = Affine(packed[0], packed[1], offset)
    left = len(plain) - size
    proof = f"{left} equations more than unknowns, all true"
    if left < AT_ONCE:
        made = step.invert(pairs.victims[:CHECKED])
        if made.size < FEWEST_CHECKED or roughness(made, pairs.plain_shape) > SMOOTH:
            return None
        proof = "ciphertexts come back as smooth images"
    return Fit(f"affine map over GF(2) of {what}", (step,), certain=1.0, proof=proof)


def eliminated(system: Rows, unknowns: int) -> tuple[Rows, Rows] | None:
    """Gauss-Jordan elimination over GF(2).

    Args:
        system: ``(R, unknowns + M)`` of 0 and 1: left sides, then right sides.
        unknowns: columns of the left sides.

    Returns:
        ``(unknowns, M)`` the solution, and the right sides of the rows that are left; None if the
        left sides do not have full rank.
    """
    words = _packed(system)
    row = 0
    for first in range(0, unknowns, AT_ONCE):
        last = min(first + AT_ONCE, unknowns)
        if not _pivots(words, row, first, last):
            return None
        _clear(words, row, first, last)
        row += last - first
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    solved: Rows = bits[:, unknowns : system.shape[1]]
    return solved[:unknowns], solved[unknowns:]


def _packed(system: Rows) -> Words:
    width = -(-system.shape[1] // 64) * 8
    made = np.zeros((len(system), width), np.uint8)
    packed = np.packbits(system, axis=1, bitorder="little")
    made[:, : packed.shape[1]] = packed
    return made.view(np.uint64)


def _window(words: Words, first: int, last: int) -> NDArray[np.int64]:
    """The bits of some columns (of one byte of the rows) as numbers."""
    found: NDArray[np.int64] = words.view(np.uint8)[:, first // 8].astype(np.int64)
    return found & ((1 << (last - first)) - 1)


def _pivots(words: Words, row: int, first: int, last: int) -> bool:
    """Bring rows that are independent in these columns to ``row`` and after, as unit vectors."""
    window = _window(words, first, last)
    for column in range(last - first):
        here = row + column
        found = here + int((window[here:] >> column & 1).argmax())
        if not window[found] >> column & 1:
            return False
        words[[here, found]] = words[[found, here]]
        window[found] = window[here]
        # Rows below are reduced in the window only, whole rows once they are pivots.
        own = _window(words[here : here + 1], first, last)[0]
        for before in range(column):
            if own >> before & 1:
                words[here] ^= words[row + before]
        own = _window(words[here : here + 1], first, last)[0]
        for before in range(column):
            if _window(words[row + before : row + before + 1], first, last)[0] >> column & 1:
                words[row + before] ^= words[here]
        below = window[here + 1 :]
        below ^= np.where(below >> column & 1, own, 0)
    return True


def _clear(words: Words, row: int, first: int, last: int) -> None:
    """Clear the columns in all other rows, by a table of the sums of the pivot rows."""
    count = last - first
    table = np.zeros((1 << count, words.shape[1]), np.uint64)
    for bit in range(count):
        table[1 << bit : 2 << bit] = table[: 1 << bit] ^ words[row + bit]
    for others in (words[:row], words[row + count :]):
        others ^= table[_window(others, first, last)]
