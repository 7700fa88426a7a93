"""Which of a layout and its mirror image is right, and how sure that is.

The mirror image of a random network is as likely as the network, so that only the images can tell:
by what differs between public images and their mirror images, and then also in the victims'. X-rays
show it, since hearts are on one side. Photographs are about as likely as their mirror images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.places import Layouts, turns

GROUPS = 8
"""Groups of images on either side; how much they differ says what is chance."""
LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Asymmetries, in standard errors, that are taken to be equally likely if there is one."""
SYMMETRIC = 0.5
"""Probability, before anything is measured, that images are as likely as their mirror images."""
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


def asymmetry(victims: Tensor, own: Tensor, flipped: Tensor, grid: tuple[int, int]) -> Asymmetry:
    """Compare a layout with its mirror image by the likeness of places, which needs no rotation.

    Places differ under one key, too, and not symmetrically. Half the difference between public
    images and their mirror images under one key is free of that.

    Args:
        victims: components ``(N, P, K)`` in the layout.
        own: ``(M, P, K)`` of public images.
        flipped: of their mirror images, under the same own keys.
        grid: rows and columns of places.
    """
    groups = min(GROUPS, len(victims), len(own))
    ours = _odd_parts(victims, grid, groups)
    theirs = (_odd_parts(own, grid, groups) - _odd_parts(flipped, grid, groups)) / 2
    across = ours @ theirs.T
    within = theirs @ theirs.T
    if groups < 2:
        return Asymmetry(float(across.mean()), math.inf, 0.0, math.inf)
    error = (across.mean(dim=0).var() + across.mean(dim=1).var()) / groups
    each = (within.sum(dim=1) - within.diag()) / (groups - 1)
    return Asymmetry(
        float(across.mean()),
        float(error) ** 0.5,
        float(each.mean()),
        2 * float(each.var() / groups) ** 0.5,
    )


def _odd_parts(components: Tensor, grid: tuple[int, int], groups: int) -> Tensor:
    """``(G, F)``: what a mirror image negates in the similarities of places, by group."""
    mirror = turns(grid)[1].to(components.device)
    found = []
    for start in range(groups):
        pairs = Layouts.of(components[start::groups]).pairs
        found.append((pairs - pairs[:, mirror[:, None], mirror]).flatten())
    odd = torch.stack(found)
    return odd.div_(odd.shape[1] ** 0.5)


def _normal(value: float, deviation: float) -> float:
    """Density of a normal variable, up to a factor that is the same for all values."""
    return math.exp(-0.5 * min((value / max(deviation, SMALLEST)) ** 2, 1400.0))
