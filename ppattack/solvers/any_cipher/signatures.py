"""Signatures: the differences of a symbol's values to its value in the first image.

A mask drops out of differences, so a symbol that only moves has the same signature before and
after encryption. Signatures of many images are condensed to eight bytes in a way that keeps sums:
the signature of a sum is the sum of the signatures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import Combine, Rows, separated
from ppattack.seeding import numpy_stream

Hashes = NDArray[np.uint64]
LANES = 8
"""Bytes of a condensed signature: two of 3,072 random ones coincide with a chance of 3e-13."""


@dataclass(frozen=True)
class Matched:
    """How well ciphertext signatures are found among plain ones.

    Args:
        share: of ciphertext symbols that are paired one to one with plain ones of their signature.
        chance: the share of random signatures that are a plain symbol's.
    """

    share: float
    chance: float

    @property
    def proves(self) -> bool:
        """Whether the model holds: nearly all match, and not by chance."""
        return self.share >= MATCHED and self.chance <= MOST_BY_CHANCE

    @property
    def words(self) -> str:
        """Both in words."""
        return f"{self.share:.1%} of the signatures match, {self.chance:.1%} by chance"


MATCHED = 0.99
"""Share of signatures that a right model matches: measured, 1 where it holds, .0003 where not."""
MOST_BY_CHANCE = 0.9
"""Above it even thousands of matches prove nothing: too few images."""


def signatures(rows: Rows, combine: Combine) -> Rows:
    """Condensed signatures of symbols.

    Args:
        rows: ``(N, S)`` uint8 values, N at least 2.
        combine: how a mask is combined with them: ``xor``, or ``add`` for any sum modulo 256.

    Returns:
        ``(S, 8)`` uint8; sums by ``combine``, byte by byte, are those of the signatures.
    """
    differences = separated(rows[1:], rows[:1], combine)
    return condensed(differences, combine)


def condensed(rows: Rows, combine: Combine) -> Rows:
    """``(N, S)`` values to ``(S, 8)``: themselves if they are at most 8, else random sums."""
    count, size = rows.shape
    if count <= LANES:
        made = np.zeros((size, LANES), np.uint8)
        made[:, :count] = rows.T
        return made
    rng = numpy_stream(0, "signatures", count)
    if combine == "xor":
        chosen = rng.integers(0, 2, (LANES, count), dtype=np.uint8)
        lanes = [
            np.bitwise_xor.reduce(_turned(rows, lane)[chosen[lane] == 1], axis=0)
            for lane in range(LANES)
        ]
        return np.stack(lanes, axis=1)
    factors = rng.integers(0, 256, (LANES, count), dtype=np.uint8)
    factors[:, rng.integers(0, count, LANES)] |= 1
    return np.stack(
        [(factors[lane, :, None] * rows).sum(0, dtype=np.uint8) for lane in range(LANES)], 1
    )


def _turned(rows: Rows, lane: int) -> Rows:
    """Bits turned around, differently for every image and lane, so that no bit is lost twice."""
    shifts = ((np.arange(len(rows)) * (lane + 1)) % LANES).astype(np.uint8)[:, None]
    turned: Rows = rows << shifts | rows >> (np.uint8(LANES) - shifts) % np.uint8(LANES)
    return np.where(shifts == 0, rows, turned)


def as_numbers(found: Rows) -> Hashes:
    """``(..., 8)`` uint8 as ``(...)`` numbers that are equal if all bytes are."""
    return np.ascontiguousarray(found).view(np.uint64)[..., 0]


def matched(
    ours: Hashes, theirs: Hashes, levels: int, images: int, *, whole: bool = True
) -> Matched:
    """Compare ciphertext signatures with plain ones.

    Args:
        ours: ``(S,)`` of ciphertext symbols.
        theirs: ``(S',)`` of plain symbols.
        levels: that a symbol can have.
        images: that a signature is made of.
        whole: whether these are all symbols, which must then match one to one.
    """
    known, there = np.unique(theirs, return_counts=True)
    place = np.searchsorted(known, ours).clip(max=len(known) - 1)
    found = known[place] == ours
    share = float(found.mean())
    if whole and share >= MATCHED:  # hardly ever, so that one to one is counted only then
        here = np.bincount(place[found], minlength=len(known))
        share = float(np.minimum(here, there).sum() / len(ours))
    return Matched(share, min(1.0, len(known) / float(levels) ** images))
