"""What searches for the order of a block's bytes ended with, and whether it is believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppattack.solvers.shared_blocks.pixels import Found

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
        margin: standard errors by which every exchange of two bytes is less likely.
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
