"""The signs of every value of a mixture: its signed values must look like a sum of images.

Given absolute values and what the private images predict, mean-field iterations find signed values
whose difference from the prediction has the covariance of natural images. Signs are settled from
coarse to fine: white noise, added to that covariance, is lowered step by step. Signed mixtures are
linear in the images, so that regression finds members whose weight is too small for squares. What
they leave unexplained says how much of a mixture is public: the less, the more it counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.instahide.membership import Memberships, memberships, split_weights
from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.signs import REST, ImageRegression, prediction

LEVELS = (2.0, 1.0, 0.4, 0.2, 0.08)
"""White noise in turn, of the mean variance of images."""
SWEEPS = 3
"""Mean-field iterations at each level."""
DAMPING = 0.5
AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""
TRUST = 0.3
"""Share of its log-likelihood by which a signed mixture counts: its errors are not independent."""
WHITE = 0.08
"""White noise, of the mean variance, when images are compared with signed mixtures."""
LEAST, MOST = 0.25, 4.0
"""The rest of a mixture is between these shares of what its weights let expect."""


@dataclass(frozen=True)
class Refined:
    """Better images and memberships.

    Args:
        images: ``(K, D)`` signed.
        members: who is in which mixture, and with which weight.
        rest: ``(E,)`` what each mixture holds beside them, of the variance of an image.
    """

    images: Tensor
    members: Memberships
    rest: Tensor


def refine(
    release: Release,
    weight: Tensor,
    images: Tensor,
    classes: Tensor,
    naturals: NaturalPrior,
    rest: Tensor,
) -> Refined:
    """Sign all mixtures, name their members again, and solve for the images again.

    Args:
        release: the mixtures.
        weight: ``(E, K)`` of every image in every mixture.
        images: ``(K, D)``.
        classes: ``(K,)`` of the images.
        naturals: the Gaussian of images.
        rest: ``(E,)`` as it was found before, or :func:`expected_rest`.
    """
    whiten = (naturals.spectrum + WHITE * naturals.level).rsqrt()
    known = naturals.coordinates(images - naturals.mean) * whiten
    signed = torch.empty_like(release.values)
    products, left = weight.new_empty(weight.shape), torch.empty_like(rest)
    for rows in torch.arange(len(weight), device=weight.device).split(AT_ONCE):
        expected = prediction(weight[rows], images, naturals)
        signed[rows] = unfold(release.values[rows], expected, rest[rows], naturals)
        unexplained = naturals.coordinates(signed[rows] - expected) * whiten
        left[rows] = unexplained.square().mean(dim=1)
        seen = naturals.coordinates(signed[rows] - naturals.mean) * whiten
        products[rows] = seen @ known.T
    usual = expected_rest(release)
    rest = left * (usual.mean() / left.mean())
    rest = rest.maximum(LEAST * usual).minimum(MOST * usual)
    members = memberships(
        products,
        known @ known.T,
        release.slots,
        classes,
        power=1,
        precision=TRUST / (rest + REST),
    )
    members = split_weights(products, known @ known.T, release.slots, members)
    solver = ImageRegression(rest, members.weight, naturals, like_images=True)
    total = torch.zeros_like(images)
    for rows in torch.arange(len(weight), device=weight.device).split(AT_ONCE):
        total += solver.gathered(signed[rows], rows)
    return Refined(solver.solved(total), members, rest)


def expected_rest(release: Release) -> Tensor:
    """``(E,)``: what mixtures hold beside private images, as far as their weights tell."""
    return release.public_scale + REST


def unfold(values: Tensor, expected: Tensor, scale: Tensor, naturals: NaturalPrior) -> Tensor:
    """Expected signed values ``(n, D)`` of mixtures.

    Args:
        values: ``(n, D)`` absolute.
        expected: ``(n, D)`` signed, what is known of them.
        scale: ``(n,)``: the rest has this much of the covariance of images.
        naturals: that covariance.
    """
    spread = scale[:, None] * naturals.variance
    signed = torch.tanh(expected * values / spread) * values
    for level in LEVELS:
        information = 1 / (naturals.spectrum + level * naturals.level)
        diagonal = naturals.diagonal(information)
        pull = values * diagonal / scale[:, None]
        for _ in range(SWEEPS):
            difference = naturals.coordinates(signed - expected) * information
            field = signed - naturals.values(difference) / diagonal
            signed = DAMPING * signed + (1 - DAMPING) * torch.tanh(field * pull) * values
    return signed
