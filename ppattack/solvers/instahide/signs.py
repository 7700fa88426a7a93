"""Images by expectation-maximisation over the signs of all mixtures' values.

Expectation: the signed value of a mixture, given its absolute value and what the images predict.
Maximisation: the images, by ridge regression with the covariance of natural images, in closed form.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.start import FLOOR

CONTRASTS = (0.5, 0.15, 1.0)
"""Contrasts of the start, in turn; with the first one both signs are tried."""
STARTS = len(CONTRASTS) + 2
"""Times that all iterations are made."""
AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""


def likeliest_images(
    release: Release,
    weight: Tensor,
    naturals: NaturalPrior,
    start: Tensor,
    iterations: int,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Signed images ``(K, D)`` from several starts, those that explain most.

    Squares alone cannot tell images from their negatives, which both are tried: the rest of every
    mixture is close to the mean public image, whose sign is known, and it adds to the private part
    or cancels it. Little contrast leaves doubtful signs open for longer; how much is best depends
    on how many mixtures there are. See :func:`sign_images`.
    """

    def settled(images: Tensor) -> tuple[float, Tensor]:
        made = sign_images(release, weight, naturals, images, iterations, step)
        return log_likelihood(release, weight, made, naturals), made

    both = [(*settled(sign * CONTRASTS[0] * start), sign) for sign in (1, -1)]
    likelihood, best, sign = max(both, key=lambda each: each[0])
    for share in CONTRASTS[1:]:
        other, made = settled(sign * share * start)
        if other > likelihood:
            likelihood, best = other, made
    return sign_images(release, weight, naturals, best, iterations, step)


def sign_images(
    release: Release,
    weight: Tensor,
    naturals: NaturalPrior,
    start: Tensor,
    iterations: int,
    step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Signed images ``(K, D)`` that explain the absolute values of all mixtures.

    Args:
        release: the mixtures.
        weight: ``(E, K)`` of every image in every mixture.
        naturals: the Gaussian of public images.
        start: ``(K, D)`` to start from.
        iterations: of both steps.
        step: called after each iteration.
    """
    images = start
    solver = ImageRegression(release.public_scale, weight, naturals)
    for _ in range(iterations):
        total = torch.zeros_like(images)
        for rows in torch.arange(len(weight), device=weight.device).split(AT_ONCE):
            values, held = release.values[rows], weight[rows]
            predicted = prediction(held, images, naturals)
            spread = release.public_scale[rows, None] * naturals.variance
            spread = spread + FLOOR * naturals.level
            signed = torch.tanh(predicted * values / spread) * values
            total += solver.gathered(signed, rows)
        images = solver.solved(total)
        step()
    return images


def log_likelihood(
    release: Release, weight: Tensor, images: Tensor, naturals: NaturalPrior
) -> float:
    """How likely absolute values are if the rest of a mixture is the mean image and white noise."""
    total = 0.0
    for rows in torch.arange(len(weight), device=weight.device).split(AT_ONCE):
        predicted = prediction(weight[rows], images, naturals)
        spread = release.public_scale[rows, None] * naturals.variance + FLOOR * naturals.level
        folded = _log_cosh(predicted * release.values[rows] / spread)
        total += float((folded - predicted.square() / (2 * spread)).sum())
    return total


def _log_cosh(values: Tensor) -> Tensor:
    """Up to a constant, without overflow."""
    size = values.abs()
    return size + torch.log1p(torch.exp(-2 * size))


def prediction(weight: Tensor, images: Tensor, naturals: NaturalPrior) -> Tensor:
    """Signed mixtures ``(n, D)`` if the rest of every mixture is the mean public image."""
    return weight @ images + (1 - weight.sum(dim=1))[:, None] * naturals.mean


class ImageRegression:
    """Images from signed mixtures: ridge regression about the mean image, in natural coordinates.

    Args:
        scale: ``(E,)`` the variance of the rest of each mixture, in units of that of images.
        weight: ``(E, K)``.
        naturals: the Gaussian of images.
        like_images: whether the rest of a mixture looks like an image too, so that every
            coordinate is as noisy as it varies; otherwise noise is white.
    """

    def __init__(
        self,
        scale: Tensor,
        weight: Tensor,
        naturals: NaturalPrior,
        *,
        like_images: bool = False,
    ) -> None:
        level, spectrum = naturals.level, naturals.spectrum
        if like_images:
            noise = scale + REST
            self.ratio = (spectrum + ERRORS * level) / spectrum
        else:
            noise = (scale + FLOOR) * level
            self.ratio = 1 / spectrum
        self.naturals, self.weighted = naturals, weight / noise[:, None]
        values, self.vectors = torch.linalg.eigh(self.weighted.T @ weight)
        self.values = values.clamp_min(0)

    def gathered(self, signed: Tensor, rows: Tensor) -> Tensor:
        """What some signed mixtures ``(n, D)`` contribute to the sums that decide the images."""
        return self.weighted[rows].T @ (signed - self.naturals.mean)

    def solved(self, sums: Tensor) -> Tensor:
        """The images ``(K, D)`` from the sums over all mixtures."""
        turned = self.vectors.T @ self.naturals.coordinates(sums)
        found = self.vectors @ (turned / (self.values[:, None] + self.ratio))
        return self.naturals.values(found) + self.naturals.mean


REST = 0.01
"""Least share of an image's variance in a mixture's rest: what is not known of its members."""
ERRORS = 0.2
"""Variance, of the mean one, that wrong signs add to every coordinate."""
