"""Which of a layout and its mirror image is right, and how sure that is.

Natural images are almost as likely as their mirror images, so that codes decide it narrowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.rotations import THIRD, agreements

GROUPS = 8
"""Groups of images that vote; how much they differ says how sure the choice is."""
SMALLEST = 1e-12

Side = tuple[Tensor, Tensor]
"""Components ``(N, P, K)`` in plain order, rotation ``(K, K)``."""


@dataclass(frozen=True)
class Sureness:
    """How much better the first of two layouts fits.

    Args:
        difference: of the agreement of moments, first less second.
        deviation: its standard error, over groups of images of both sides.
    """

    difference: float
    deviation: float

    @property
    def probability(self) -> float:
        """That the one that was chosen is the right one, if groups differ by chance alone."""
        return 0.5 * (1 + math.erf(abs(self.difference) / max(self.deviation, SMALLEST) / 2**0.5))

    def notes(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {
            "agreement above that of the mirror image": round(abs(self.difference), 5),
            "probability of this layout, not its mirror image": round(self.probability, 3),
        }


def sureness(first: Side, second: Side, own: Tensor, grid: tuple[int, int]) -> Sureness:
    """Compare two layouts by the agreement of moments, each with its own rotation.

    Args:
        first: one layout.
        second: the other, of the same images.
        own: ``(M, P, K)`` components of public images, without their mirror images, which would
            make both layouts equal.
        grid: rows and columns of places.
    """
    groups = min(GROUPS, len(first[0]), len(own))
    differences = torch.tensor(
        [
            _agreement(first, own, grid, start, groups)
            - _agreement(second, own, grid, start, groups)
            for start in range(groups)
        ]
    )
    spread = float(differences.std()) / groups**0.5 if groups > 1 else math.inf
    return Sureness(float(differences.mean()), spread)


def _agreement(side: Side, own: Tensor, grid: tuple[int, int], start: int, step: int) -> float:
    """The agreement of one group of images of both sides."""
    components, matrix = side
    ours, theirs = (Moments.of(each[start::step], grid) for each in (components, own))
    second, third = agreements(ours, theirs, matrix[None])
    return float(second + THIRD * third)
