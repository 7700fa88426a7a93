"""What searches for the order of a block's bytes ended with, and whether it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppattack.solvers.shared_blocks.exchanges import block_misfits, margin
from ppattack.solvers.shared_blocks.models import Places
from ppattack.solvers.shared_blocks.pixels import Cipher, Found, Pixels
from ppattack.solvers.shared_blocks.slides import nearest
from ppattack.solvers.shared_blocks.statistics import Array

ENOUGH = 2
"""Layouts of a search, and searches, that must come to the same least misfit."""
CLEAR = 1.0
"""Standard errors by which exchanges of two bytes must be less likely to be called wrong."""


@dataclass(frozen=True)
class Outcome:
    """What the searches ended with.

    Args:
        found: the likeliest arrangement.
        agreed: how many separate searches came to it.
        rounds: how many there were.
        enough: searches that must agree.
        margin: see :func:`least_margin`.
    """

    found: Found
    agreed: int
    rounds: int
    enough: int = ENOUGH
    margin: float = np.inf

    @property
    def sure(self) -> bool:
        """Whether separate searches agree, and blocks are enough to tell each byte from others."""
        return self.agreed >= self.enough and self.margin >= CLEAR


def least_margin(cipher: Cipher, contents: Array, found: Found, others: Sequence[Places]) -> float:
    """Standard errors by which exchanges of two bytes, and other ends, are less likely.

    In small blocks, parts that slid or turned over are other ends too. Those that change no block
    do not matter.

    Args:
        cipher: what is known of the bytes.
        contents: ``(n, D)`` blocks without brightness and contrast.
        found: the likeliest arrangement.
        others: arrangements that other searches ended with.
    """
    rows = contents / np.sqrt(np.maximum(cipher.own.covariance.diagonal(), 1e-12))
    seen = cipher.seen.take(found.at, 0).take(found.at, 1)
    weights = cipher.misfit.weights
    least = margin(rows[:, found.at], seen, weights)
    fits = block_misfits(rows[:, found.at], weights)
    ends = list(others)
    if cipher.geometry.small:
        pixels = Pixels(cipher, found.at.reshape(cipher.geometry.channels, -1))
        ends += [pixels.bytes_of[:, order].reshape(-1) for order in nearest(pixels)]
    for other in ends:
        error = (block_misfits(rows[:, other], weights) - fits).std() / np.sqrt(len(rows))
        if error > 0:
            least = min(least, (cipher.misfit.of(cipher.seen, other) - found.misfit) / error)
    return float(least)
