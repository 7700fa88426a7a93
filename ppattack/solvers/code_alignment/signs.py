"""Signs of components: which of two opposite directions is which."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.moments import Moments

SWEEPS = 30


def sign_starts(
    ours: Moments, theirs: Moments, starts: int, generator: torch.Generator, third: float
) -> Tensor:
    """Sign vectors under which both sides' moments agree, all different, the best first.

    Coordinate ascent from random starts, all at once: flip the sign that gains most, until none
    does.

    Args:
        ours: the victims' moments.
        theirs: an own encoder's.
        starts: random starts.
        generator: on the CPU.
        third: weight of the third moments against the second.

    Returns:
        ``(S, K)`` of ones and minus ones, S at most ``starts + 1``.
    """
    count = len(ours.scale)
    pairs = (ours.lagged * theirs.lagged).sum(dim=0)
    pairs = (pairs + pairs.T) / (2 * ours.lagged.norm() * theirs.lagged.norm()).clamp_min(1e-30)
    triples = ours.third * theirs.third * third
    triples = triples / (ours.third.norm() * theirs.third.norm()).clamp_min(1e-30)
    leading = torch.linalg.eigh(pairs).eigenvectors[:, -1].sign().cpu()
    drawn = torch.randint(2, (starts, count), generator=generator) * 2.0 - 1
    signs = torch.cat([leading[None], -leading[None], drawn]).to(pairs)
    signs[signs == 0] = 1
    for _ in range(SWEEPS * count):
        gains = _gains(signs, pairs, triples)
        best = gains.max(dim=1)
        flipped = best.values > 0
        if not flipped.any():
            break
        rows = flipped.nonzero()[:, 0]
        signs[rows, best.indices[rows]] *= -1
    distinct = signs.unique(dim=0)
    value = torch.einsum("sa,ab,sb->s", distinct, pairs, distinct)
    value += torch.einsum("abc,sa,sb,sc->s", triples, distinct, distinct, distinct)
    ranked: Tensor = distinct[value.argsort(descending=True)]
    return ranked


def _gains(signs: Tensor, pairs: Tensor, triples: Tensor) -> Tensor:
    """``(S, K)``: what the agreement gains if a sign flips."""
    others = signs @ (pairs - pairs.diag().diag())
    once = torch.einsum("abc,sb,sc->sa", triples, signs, signs)
    twice = torch.einsum("aab,sb->sa", triples, signs)
    cubes = torch.einsum("aaa->a", triples)
    # Terms that hold the component twice keep their sign; those that hold it once or three
    # times change it.
    odd = 3 * (once - 2 * signs * (twice - signs * cubes) - cubes) + cubes
    return -2 * signs * (2 * others + odd)
