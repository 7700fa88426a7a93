"""Which of a layout and its mirror image is right, and how sure that is.

The mirror image of a random network is as likely as the network, so that only the images can tell:
by what differs between public images and their mirror images, and then also in the victims'. X-rays
show it, since hearts are on one side. Photographs are about as likely as their mirror images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.places import Layouts

GROUPS = 8
"""Groups of images on either side; how much they differ says what is chance."""
LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Asymmetries, in standard errors, that are taken to be equally likely if there is one."""
SYMMETRIC = 0.5
"""Probability, before anything is measured, that images are as likely as their mirror images."""
CLEAR = 2.5
"""Standard errors at which it is clear which way up images are."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class Asymmetry:
    """How alike images and public images are in what their mirror images lack.

    Args:
        shared: product of the victims' asymmetry and the public images'; positive for the right
            layout, if there is any.
        shared_error: its standard error.
        own: product of the asymmetries of disjoint groups of public images; its mean is what
            ``shared`` has to be expected to be, or the negative of it.
        own_error: its standard error.
    """

    shared: float
    shared_error: float
    own: float
    own_error: float

    @property
    def probability(self) -> float:
        """That the layout is right rather than its mirror image; 0.5 if nothing tells.

        The asymmetry of the images is not known. Every level of it counts by how likely it makes
        what was measured between groups of public images.
        """
        unit = max(self.shared_error, self.own_error, SMALLEST)
        right = wrong = 0.0
        for level, prior in [(0.0, SYMMETRIC), *((each, 0.5 / len(LEVELS)) for each in LEVELS)]:
            size = level * unit
            weight = prior * _normal(self.own - size, self.own_error)
            right += weight * _normal(self.shared - size, self.shared_error)
            wrong += weight * _normal(self.shared + size, self.shared_error)
        return right / (right + wrong) if right + wrong > 0 else 0.5


def asymmetry(victims: Tensor, own: Tensor, flipped: Tensor, turn: Tensor) -> Asymmetry:
    """Compare a layout with its mirror image by the likeness of places, which needs no rotation.

    Every key makes some places differ more than others, for all images. Half the difference between
    public images and their mirror images under one key is free of that.

    Args:
        victims: components ``(N, P, K)`` in the layout.
        own: ``(M, P, K)`` of public images.
        flipped: of their mirror images, under the same own keys.
        turn: ``(P,)`` the place that each place moves to in the mirror image.
    """
    ours, theirs = _Odd.of(victims, turn), _Odd.between(own, flipped, turn)
    groups = len(theirs.pairs)
    if min(groups, len(ours.pairs)) < 2:
        return Asymmetry(0.0, math.inf, 0.0, math.inf)
    across, within = ours.products(theirs), theirs.products(theirs)
    scale = across.std(dim=(0, 1)).clamp_min(SMALLEST)
    within = (within / scale).sum(dim=2)
    shared, error = _mean_and_error((across / scale).sum(dim=2))
    each = (within.sum(dim=1) - within.diag()) / (groups - 1)
    return Asymmetry(shared, error, float(each.mean()), 2 * float(each.var() / groups) ** 0.5)


def likeness_lead(victims: Tensor, parts: Iterable[tuple[Tensor, Tensor]], over: Tensor) -> float:
    """Standard errors by which the likeness of places is for a layout and not its upside down.

    Args:
        victims: components ``(N, P, K)`` in the layout.
        parts: ``(n, P, K)`` of some public images under an own key, and of the same upside down;
            asked for until the answer is clear.
        over: ``(P,)`` the place that each place moves to if images are turned upside down.
    """
    ours = _Odd.of(victims, over)
    seen: list[_Odd] = []
    lead = 0.0
    for straight, turned in parts:
        seen.append(_Odd.between(straight, turned, over))
        across = torch.cat([ours.products(each) for each in seen], dim=1)
        if min(across.shape[:2]) < 2:
            continue
        scale = across.std(dim=(0, 1)).clamp_min(SMALLEST)
        shared, error = _mean_and_error((across / scale).sum(dim=2))
        lead = shared / max(error, SMALLEST)
        if abs(lead) > CLEAR:
            break
    return lead


@dataclass(frozen=True)
class _Odd:
    """What a turn negates in the layouts of groups of images: ``(G, C, P, P)``, ``(G, C, P)``."""

    pairs: Tensor
    single: Tensor

    @classmethod
    def of(cls, components: Tensor, turn: Tensor) -> _Odd:
        turn = turn.to(components.device)
        groups = min(GROUPS, len(components))
        layouts = [Layouts.of(components[start::groups]) for start in range(groups)]
        pairs = [each.pairs - each.pairs[:, turn[:, None], turn] for each in layouts]
        single = [each.single - each.single[:, turn] for each in layouts]
        return cls(torch.stack(pairs), torch.stack(single))

    @classmethod
    def between(cls, images: Tensor, turned: Tensor, turn: Tensor) -> _Odd:
        first, second = (cls.of(each, turn) for each in (images, turned))
        return cls((first.pairs - second.pairs) / 2, (first.single - second.single) / 2)

    def products(self, other: _Odd) -> Tensor:
        """``(G, G', 2 C)``, by channel."""
        pairs = torch.einsum("icpq,jcpq->ijc", self.pairs, other.pairs)
        return torch.cat([pairs, torch.einsum("icp,jcp->ijc", self.single, other.single)], dim=2)


def _mean_and_error(products: Tensor) -> tuple[float, float]:
    """Mean of ``(G, G')`` products, and its standard error over the groups of both sides."""
    first, second = products.mean(dim=1), products.mean(dim=0)
    error = first.var() / len(first) + second.var() / len(second)
    return float(products.mean()), float(error) ** 0.5


def _normal(value: float, deviation: float) -> float:
    """Density of a normal variable, up to a factor that is the same for all values."""
    return math.exp(-0.5 * min((value / max(deviation, SMALLEST)) ** 2, 1400.0))
