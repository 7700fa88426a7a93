"""Signatures: the differences of a symbol's values to its value in the first image.

A mask drops out of differences, so a symbol that only moves has the same signature before and
after encryption. Signatures of many images are condensed to eight bytes in a way that keeps sums:
the signature of a sum is the sum of the signatures.
"""

from __future__ import annotations

import math
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
        symbols: that were compared.
    """

    share: float
    chance: float
    symbols: int

    @property
    def proves(self) -> bool:
        """Whether the model holds: nearly all match, and not by chance.

        So many matches of random signatures have at most the probability ``exp(-S D)``, D the
        divergence of the two shares (Chernoff's bound).
        """
        if self.share < MATCHED or self.chance > MOST_BY_CHANCE:
            return False
        chance = max(self.chance, TINY)
        parts = (self.share, chance), (1 - self.share, 1 - chance)
        apart = sum(here * math.log(here / there) for here, there in parts if here > 0)
        return self.symbols * apart >= BELIEVED

    @property
    def words(self) -> str:
        """Both in words."""
        return f"{self.share:.1%} of the signatures match, {self.chance:.1%} by chance"


MATCHED = 0.99
"""Share of signatures that a right model matches: measured, 1 where it holds, .0003 where not."""
MOST_BY_CHANCE = 0.9
"""Above it even thousands of matches prove nothing: too few images."""
TINY = 1e-300
BELIEVED = math.log(1e6 * 1_000)
"""Nats: a model is believed if it would fit random ciphertexts with a probability of 1e-6 at most,
whichever of its 1,000 forms (chains, scans, blocks) at most is tried."""


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
    chance = math.exp(max(math.log(len(known)) - images * math.log(levels), math.log(TINY)))
    return Matched(share, min(1.0, chance), len(ours))
