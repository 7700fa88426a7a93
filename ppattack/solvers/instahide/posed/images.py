"""Images by expectation-maximisation over the signs of mixtures, each member in its pose.

Black frames tell signs from negatives: where one member is black, the other's sign shows. From
there signs spread while the doubt that is allowed is lowered step by step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.posed.placement import Placement
from ppattack.solvers.instahide.posed.statistics import PosedStatistics
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.signs import ERRORS, REST
from ppattack.solvers.instahide.start import FLOOR

DOUBT, COOLING = 8.0, 0.8
"""Times the noise at first, and the factor after each iteration, until it is the noise itself."""
STEPS = 3
"""Steps of conjugate gradients in an iteration; the next goes on from there."""
LAST_STEPS = 6
COVERED = 0.8
"""About which share of an image is in a mixture."""
AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""


class PosedMixtures:
    """Mixtures as linear maps of images, counted from black.

    Args:
        release: the mixtures.
        placement: who is where.
        model: what is known of images.
    """

    def __init__(self, release: Release, placement: Placement, model: PosedStatistics) -> None:
        self.release, self.placement, self.model = release, placement, model
        public = (1 - placement.total).clamp_min(0)[:, None]
        channels, height, width = model.shape
        self.black = model.black.expand(channels, height, width).flatten()
        self.known = public * model.cropped.mean + placement.total[:, None] * self.black

    def expected(self, images: Tensor) -> Tensor:
        """``(E, D)`` signed mixtures, if public members are the mean public image."""
        return self.known + self.placed(images - self.black)

    def placed(self, images: Tensor) -> Tensor:
        """``(E, D)`` from images ``(K, D)`` counted from black."""
        return self.placement.placed(images.view(-1, *self.model.shape))

    def gathered(self, values: Tensor) -> Tensor:
        """``(K, D)``: the transposed map."""
        return self.placement.gathered(values.view(-1, *self.model.shape)).flatten(1)

    def solved(
        self, signed: Tensor, images: Tensor, precise: Precise, information: Tensor, steps: int
    ) -> Tensor:
        """Images ``(K, D)`` from signed mixtures: ridge regression about the mean image.

        Args:
            signed: ``(E, D)``.
            images: ``(K, D)`` to go on from.
            precise: multiplies residuals ``(E, D)`` by the inverse of their covariance.
            information: ``(K, D)`` about how much each natural coordinate is known by mixtures.
            steps: of conjugate gradients.
        """
        prior = self.model.naturals

        def before(values: Tensor) -> Tensor:
            return prior.values(prior.coordinates(values) / prior.spectrum)

        def matrix(values: Tensor) -> Tensor:
            return self.gathered(precise(self.placed(values))) + before(values)

        def conditioned(values: Tensor) -> Tensor:
            return prior.values(prior.coordinates(values) / (information + 1 / prior.spectrum))

        mean = prior.mean.expand(self.placement.images, -1)
        target = self.gathered(precise(signed - self.known)) + before(mean - self.black)
        return self.black + descended(matrix, target, images - self.black, conditioned, steps)


Precise = Callable[[Tensor], Tensor]


def sign_posed_images(
    mixtures: PosedMixtures, iterations: int, step: Callable[[], None] = lambda: None
) -> Tensor:
    """Signed images ``(K, D)`` that explain the absolute values of all mixtures.

    Args:
        mixtures: with their members.
        iterations: over signs and images.
        step: called after each iteration.
    """
    model, values = mixtures.model, mixtures.release.values
    prior = model.cropped
    spread = mixtures.release.public_scale[:, None] * prior.variance + FLOOR * prior.level
    noise = (mixtures.release.public_scale + FLOOR) * prior.level
    information = known_of(mixtures.placement, 1 / noise)[:, None]
    images = model.naturals.mean.expand(mixtures.placement.images, -1)
    doubt = DOUBT
    for _ in range(iterations):
        signed = torch.tanh(mixtures.expected(images) * values / (doubt * spread)) * values
        images = mixtures.solved(signed, images, lambda rest: rest / spread, information, STEPS)
        doubt = max(1.0, COOLING * doubt)
        step()
    return images


def images_of_signed(mixtures: PosedMixtures, signed: Tensor, images: Tensor) -> Tensor:
    """Images ``(K, D)`` from signed mixtures ``(E, D)`` whose rest looks like an image too."""
    prior, naturals = mixtures.model.cropped, mixtures.model.naturals
    by = 1 / (mixtures.release.public_scale + REST)
    weights = 1 / (prior.spectrum + ERRORS * prior.level)

    def precise(rest: Tensor) -> Tensor:
        return whitened(rest, prior, weights) * by[:, None]

    known = known_of(mixtures.placement, by)[:, None]
    information = known / (naturals.spectrum + ERRORS * naturals.level)
    return mixtures.solved(signed, images, precise, information, LAST_STEPS)


def whitened(values: Tensor, prior: NaturalPrior, weights: Tensor) -> Tensor:
    """Values ``(n, D)`` times the matrix that has these weights by natural coordinate."""
    parts = values.split(AT_ONCE)
    return torch.cat([prior.values(prior.coordinates(part) * weights) for part in parts])


def known_of(placement: Placement, by: Tensor) -> Tensor:
    """``(K,)``: about how much mixtures of precision ``by`` (E,) say of each image."""
    known = by.new_zeros(placement.images)
    seen = COVERED * placement.weights.square() * by[:, None]
    return known.index_add_(0, placement.members.flatten(), seen.flatten())


def descended(
    matrix: Callable[[Tensor], Tensor],
    target: Tensor,
    start: Tensor,
    conditioned: Callable[[Tensor], Tensor],
    steps: int,
) -> Tensor:
    """The solution of ``matrix(x) = target``, nearly, by preconditioned conjugate gradients."""
    found, rest = start, target - matrix(start)
    direction = better = conditioned(rest)
    size = (rest * better).sum()
    for _ in range(steps):
        moved = matrix(direction)
        along = size / (direction * moved).sum().clamp_min(torch.finfo(size.dtype).tiny)
        found, rest = found + along * direction, rest - along * moved
        better = conditioned(rest)
        size, before = (rest * better).sum(), size
        direction = better + size / before.clamp_min(torch.finfo(size.dtype).tiny) * direction
    return found
