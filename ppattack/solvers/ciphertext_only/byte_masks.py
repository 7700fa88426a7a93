"""Bytes that moved under a mask, by exclusive-or or addition, after a chain was undone.

A mask of exclusive-or changes the sign of the highest bit, one of addition turns the circle of
levels; either way the correlations of images are still there, and say where each byte belongs.
Then neighbours say what the masks are, public images choose among the turns, mirror images,
negatives and colour orders that are left, and places and masks correct each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.context import Progress
from ppattack.images import ImageShape
from ppattack.maps import Rows, Shuffle, separated
from ppattack.solvers.ciphertext_only import differences, masks
from ppattack.solvers.ciphertext_only.case import Case, Found, Places, Single
from ppattack.solvers.ciphertext_only.places import (
    EVEN,
    FAITHFUL,
    byte_correlations,
    correlations,
    match,
    refined,
)
from ppattack.solvers.ciphertext_only.state import settled, upright
from ppattack.solvers.ciphertext_only.statistics import Dependence, Mask, character
from ppattack.solvers.covariance.signed_matching import leading

FEWEST = 300
"""Ciphertexts from which moved bytes of small photographs are found; 500 are safe."""
FEWEST_IN_PLACE = 30
"""The same if bytes stay where they are."""
MOST_PUBLIC = 4000
"""Public images whose correlations are taken."""
MOST_SYMBOLS = 6144
"""Bytes of an image that are matched at most: time grows with their cube, memory with the square.
"""
COMPARED = 1000
"""Public images whose neighbours are compared."""
POWERS = (EVEN, FAITHFUL, FAITHFUL, FAITHFUL)
"""Powers of eigenvalues in the rounds in which places and masks correct each other, at most."""
SETTLED = 0.999
"""Share of places that stay, from which they need no more correction."""
IN_PLACE = 0.5
"""Share of the public images' correlation of neighbours from which bytes are where they were."""


def recover(case: Case, dependence: Dependence, progress: Progress) -> Found:
    """The map of a permutation and masks.

    Args:
        case: ciphertexts and public images.
        dependence: the chain to undo, and the kind of mask.
        progress: where stages are logged.
    """
    rows, mask = dependence.undone(case.rows), dependence.mask
    chain = () if dependence.chain is None else (dependence.chain,)
    public = case.public_rows()
    index = np.arange(case.symbols)
    in_place = stays(rows, case, mask)
    theirs = correlations(public[:MOST_PUBLIC], mask)
    if in_place:
        keystream = _masks(rows, theirs, public, case, mask)
    else:
        index = np.argsort(match(correlations(rows, mask), theirs, case.turns())[0])
        progress.log("places matched by the correlations of all bytes")
        keystream = _masks(rows[:, index], theirs, public, case, mask)
        progress.log("masks found by neighbouring pixels")
        for power in POWERS:
            place = np.argsort(index)
            found = case.map(Shuffle(place, keystream[place], combine=mask), *chain)
            before = upright(case, found, index)
            keystream = keystream[place[before]]
            index = _corrected(rows, before, keystream, public[:MOST_PUBLIC], mask, power)
            keystream = _masks(rows[:, index], theirs, public, case, mask)
            progress.log("places and masks corrected by each other")
            if power == FAITHFUL and (index == before).mean() >= SETTLED:
                break
    place = np.argsort(index)
    found = case.map(Shuffle(place, keystream[place], combine=mask), *chain)
    found, notes = settled(case, found, moved=not in_place)
    where = "where they were" if in_place else "matched"
    words = f"permutation and mask by {mask}, {dependence.words}"
    return Found(found, words, {"places": where, **notes})


def stays(rows: Rows, case: Case, mask: Mask) -> bool:
    """Whether each byte is where it was: then neighbours are correlated as in public images.

    Args:
        rows: ``(N, S)`` uint8, chains undone.
        case: public images.
        mask: the kind of mask.
    """
    ours, theirs = (
        _neighbours(part, case.shape, mask) for part in (rows, case.public_rows()[:COMPARED])
    )
    return ours > IN_PLACE * theirs


def _neighbours(rows: Rows, shape: ImageShape, mask: Mask) -> float:
    """Mean squared correlation of neighbours across, less what chance gives."""
    waves = character(rows, mask).reshape(len(rows), *shape)
    products = (waves[..., 1:].conj() * waves[..., :-1]).mean(0)
    return float((np.abs(products) ** 2).mean()) - 1 / len(rows)


def _masks(moved: Rows, theirs: Single, public: Rows, case: Case, mask: Mask) -> NDArray[np.uint8]:
    """The masks of bytes in their places."""
    if mask == "add":
        return differences.masks(moved, public, case.shape)
    both = correlations(moved, mask) * theirs
    _, vectors = leading(both, 1)
    start = np.where(vectors[:, 0] < 0, 128, 0).astype(np.uint8)
    return masks.solved(moved, start, public, case.shape)


def _corrected(
    rows: Rows,
    index: Places,
    keystream: NDArray[np.uint8],
    public: Rows,
    mask: Mask,
    power: float,
) -> Places:
    """The byte of each place, after whole bytes are compared in place of highest bits."""
    ours, theirs = (
        byte_correlations(x) for x in (separated(rows[:, index], keystream, mask), public)
    )
    found = refined(ours, theirs, np.arange(len(index)), np.ones(len(index), np.int8), power)
    return index[np.argsort(found)]
