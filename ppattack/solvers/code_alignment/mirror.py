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

Side = tuple[Tensor, Tensor, float]
"""Components ``(N, P, K)`` in plain order, rotation ``(K, K)``, agreement of the layout."""


@dataclass(frozen=True)
class Sureness:
    """How much better the first of two layouts fits.

    Args:
        difference: of the agreement of moments and layouts, first less second.
        deviation: its standard error, over groups of images.
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
            "layout against its mirror image": round(abs(self.difference), 5),
            "probability of this layout, not its mirror image": round(self.probability, 3),
        }


def sureness(first: Side, second: Side, theirs: Moments, grid: tuple[int, int]) -> Sureness:
    """Compare two layouts by the agreement of moments, and by that of the layouts.

    Args:
        first: one layout.
        second: the other, of the same images.
        theirs: moments of an own encoder.
        grid: rows and columns of places.
    """
    groups = min(GROUPS, len(first[0]))
    votes = torch.tensor(
        [
            [_agreement(side, theirs, grid, start, groups) for side in (first, second)]
            for start in range(groups)
        ]
    )
    differences = votes[:, 0] - votes[:, 1]
    whole = _agreement(first, theirs, grid, 0, 1) - _agreement(second, theirs, grid, 0, 1)
    spread = float(differences.std()) / groups**0.5 if groups > 1 else math.inf
    return Sureness(whole + first[2] - second[2], spread)


def _agreement(side: Side, theirs: Moments, grid: tuple[int, int], start: int, step: int) -> float:
    components, matrix, _ = side
    ours = Moments.of(components[start::step], grid)
    second, third = agreements(ours, theirs, matrix[None])
    return float(second + THIRD * third)
