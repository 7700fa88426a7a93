"""The rotation between two clouds of components, from their moments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.signs import sign_starts

SWEEPS = 60
THIRD = 2.0
"""Weight of the agreement of third moments against that of second moments."""
STARTS = 100
"""Random sign vectors from which coordinate ascent starts."""
ROTATED = 6
"""The best sign vectors, from which rotations are sought."""


@dataclass(frozen=True)
class Rotation:
    """An orthogonal map from an own encoder's components to the victims'.

    Args:
        matrix: ``(K, K)``: ``own @ matrix.T`` are the victims' components of the same images.
        second: agreement of the second moments, a cosine.
        third: agreement of the third moments, likewise.
    """

    matrix: Tensor
    second: float
    third: float

    @property
    def agreement(self) -> float:
        """What a rotation maximises."""
        return self.second + THIRD * self.third


def best_rotation(ours: Moments, theirs: Moments, generator: torch.Generator) -> Rotation:
    """The rotation of greatest agreement, from the best sign vectors.

    Args:
        ours: the victims' moments of K components.
        theirs: an own encoder's, of as many.
        generator: on the CPU; draws sign vectors.
    """
    signs = sign_starts(ours, theirs, STARTS, generator, THIRD)[:ROTATED]
    found = [alternated(ours, theirs, sign.diag()) for sign in signs]
    return max(found, key=lambda rotation: rotation.agreement)


def alternated(ours: Moments, theirs: Moments, start: Tensor) -> Rotation:
    """Improve a rotation: what one factor should be, given the others, is a polar factor.

    Args:
        ours: the victims' moments.
        theirs: an own encoder's.
        start: ``(K, K)`` orthogonal.
    """
    pairs = (ours.lagged.norm() * theirs.lagged.norm()).clamp_min(1e-30)
    triples = (ours.third.norm() * theirs.third.norm()).clamp_min(1e-30)
    matrix = start
    for _ in range(SWEEPS):
        forward = torch.einsum("lab,bc,ldc->ad", ours.lagged, matrix, theirs.lagged)
        backward = torch.einsum("lba,bc,lcd->ad", ours.lagged, matrix, theirs.lagged)
        once = torch.einsum("abc,bd,ce->ade", ours.third, matrix, matrix)
        odd = torch.einsum("ade,fde->af", once, theirs.third)
        slope = (forward + backward) / pairs + 3 * THIRD * odd / triples
        left, _, right = torch.linalg.svd(slope)
        matrix = left @ right
    return Rotation(matrix, *agreements(ours, theirs, matrix))


def agreements(ours: Moments, theirs: Moments, matrix: Tensor) -> tuple[float, float]:
    """Cosines between both sides' second and third moments under a map ``(K, K)``."""
    second = torch.einsum("ab,lbc,dc->lad", matrix, theirs.lagged, matrix)
    third = torch.einsum("abc,da,eb,fc->def", theirs.third, matrix, matrix, matrix)
    return _cosine(second, ours.lagged), _cosine(third, ours.third)


def _cosine(first: Tensor, second: Tensor) -> float:
    return float((first * second).sum() / (first.norm() * second.norm()).clamp_min(1e-30))
