"""The rotation between two clouds of components, from their moments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.signs import sign_starts

SWEEPS = 40
THIRD = 2.0
"""Weight of the agreement of third moments against that of second moments."""
FIRST_LEVEL = 8
"""The strongest components are aligned first, from many starts; then twice as many, and so on."""
RANDOM = 1200
"""Random rotations of the first level from which it starts."""
SIGNED = 20
"""Sign vectors from which it also starts: keys often agree on the order of components."""
KEPT = 96
"""Rotations that the first level hands on. With a quarter of either, two of three draws of starts
missed the best rotation of 1,000 codes of CIFAR-10 that all three find now."""
WIDE_LEVEL = 16
"""Every level up to this hands on half of what it got, later ones a quarter: they cost most, and
by then the best one leads."""
SETTLED = 1e-4
"""Largest change of an entry at which rotations are taken to be found."""
SMALLEST = 1e-30


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


def best_rotation(
    ours: Moments,
    theirs: Moments,
    generator: torch.Generator,
    random: int = RANDOM,
    kept: int = KEPT,
) -> Rotation:
    """The rotation of greatest agreement that many starts lead to.

    Args:
        ours: the victims' moments of K components.
        theirs: an own encoder's, of as many.
        generator: on the CPU; draws starts.
        random: rotations of the first level from which it starts.
        kept: rotations that the first level hands on.
    """
    count = len(ours.scale)
    level = min(FIRST_LEVEL, count)
    left, right = ours.first(level), theirs.first(level)
    drawn = torch.randn(random, level, level, generator=generator)
    signs = sign_starts(left, right, random, generator, THIRD)[:SIGNED]
    matrices = torch.cat([torch.linalg.qr(drawn).Q.to(signs), torch.diag_embed(signs)])
    while True:
        matrices = alternated(left, right, matrices)
        found = agreements(left, right, matrices)
        value = found[0] + THIRD * found[1]
        best = value.argsort(descending=True)[:kept]
        matrices = matrices[best]
        if level == count:
            return Rotation(matrices[0], float(found[0][best[0]]), float(found[1][best[0]]))
        before, level = level, min(2 * level, count)
        left, right = ours.first(level), theirs.first(level)
        kept = max(1, kept // (2 if before < WIDE_LEVEL else 4))
        wider = matrices.new_zeros(len(matrices), level, level)
        wider[:, :before, :before] = matrices
        matrices = wider


def alternated(ours: Moments, theirs: Moments, start: Tensor, sweeps: int = SWEEPS) -> Tensor:
    """Improve rotations: what one factor should be, given the others, is a polar factor.

    Args:
        ours: the victims' moments.
        theirs: an own encoder's.
        start: ``(S, K, K)``; directions of which nothing is known may be zero.
        sweeps: how often.

    Returns:
        ``(S, K, K)`` orthogonal.
    """
    pairs = (ours.lagged.norm() * theirs.lagged.norm()).clamp_min(SMALLEST)
    triples = (ours.third.norm() * theirs.third.norm()).clamp_min(SMALLEST)
    count = len(ours.scale)
    flat = theirs.third.reshape(count, count**2).T
    matrices = start
    for _ in range(sweeps):
        middle = matrices[:, None]
        forward = (ours.lagged @ middle @ theirs.lagged.transpose(1, 2)).sum(dim=1)
        backward = (ours.lagged.transpose(1, 2) @ middle @ theirs.lagged).sum(dim=1)
        moved = middle.transpose(2, 3) @ (ours.third @ middle)  # (S, a, d, e)
        odd = moved.flatten(2) @ flat
        left, _, right = torch.linalg.svd((forward + backward) / pairs + 3 * THIRD * odd / triples)
        after = left @ right
        moves = float((after - matrices).abs().max())
        matrices = after
        if moves < SETTLED:
            break
    return matrices


def agreements(ours: Moments, theirs: Moments, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """``(S,)`` cosines between both sides' second and third moments under maps ``(S, K, K)``."""
    second = torch.einsum("sab,lbc,sdc->slad", matrices, theirs.lagged, matrices)
    third = torch.stack(
        [torch.einsum("da,aef->def", each, each @ theirs.third @ each.T) for each in matrices]
    )
    return _cosines(second, ours.lagged), _cosines(third, ours.third)


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    first, second = first.flatten(1), second.flatten()
    found: Tensor = first @ second / (first.norm(dim=1) * second.norm()).clamp_min(SMALLEST)
    return found
