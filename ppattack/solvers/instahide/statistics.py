"""What absolute mixtures look like, and how much one image changes them; learnt once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.seeding import numpy_stream
from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.target.mixing import MixingLaw, MixingPlan, Scale, draw_plan, mixtures

POWER = 1.3
"""Power of absolute values: among 1, 1.3 and 2 it named most neighbours among own mixtures."""
SAMPLES = 20_000
"""Mixtures simulated, as the covariance of 3,072 values needs."""
MOST_POOL = 20_000
"""Public images used, at most."""
LOADING = 0.05
"""Share of the mean variance that is added to every one before whitening."""
FEATURES = 1500
"""Directions kept, those in which images differ most for the noise; more name no more."""
AT_ONCE = 1000
GAIN_SAMPLES = 4000
"""Own mixtures from which it is learnt how far an image moves a feature."""
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class PublicStatistics:
    """Whitened features of absolute mixtures.

    Args:
        mean: ``(D,)`` of absolute values to the power.
        basis: ``(D, d)``; features are ``(|e|^power - mean) basis``, of noise variance 1.
        variances: ``(d,)`` of what one image at weight 1 adds to each feature.
        naturals: the Gaussian of the public images.
    """

    mean: Tensor
    basis: Tensor
    variances: Tensor
    naturals: NaturalPrior

    def features(self, values: Tensor) -> Tensor:
        """``(E, d)`` of absolute values ``(E, D)``."""
        parts = [((part**POWER) - self.mean) @ self.basis for part in values.split(AT_ONCE)]
        return torch.cat(parts)


def learn(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int = SAMPLES,
    step: Callable[[], None] = lambda: None,
) -> PublicStatistics:
    """Learn the statistics from public images alone.

    Args:
        pool: ``(M, C, H, W)`` uint8, of the kind of the private images.
        public: ``(P, C, H, W)`` uint8, of the kind of the public members.
        law: of the mixtures.
        scale: of the numbers that are mixed.
        seed: of the simulation.
        samples: mixtures simulated.
        step: called after each of :data:`STEPS` steps.
    """
    pool, public = pool[:MOST_POOL], public[:MOST_POOL]
    mirror = mirrored_places(tuple(pool.shape[1:])).to(pool.device)
    if 2 * samples < len(mirror):
        mean, whitening = _few(pool, public, law, scale, seed, samples, mirror)
    else:
        mean, whitening = _many(pool, public, law, scale, seed, samples, mirror)
    step()
    images = scale.numbers(pool)
    squares = images.flatten(1).square()
    squares = squares - squares.mean(0)
    signal, turn = principal(whitening.apply(torch.cat([squares, squares[:, mirror]])), FEATURES)
    signal = signal.clamp_min(LEAST_VARIANCE * float(signal.max()))
    basis = whitening.turned(turn).contiguous()
    step()
    gain, noise = _gain_and_noise(pool, public, law, scale, seed, mean, basis)
    step()
    return PublicStatistics(
        mean, basis * noise.rsqrt(), gain**2 * signal / noise, NaturalPrior.of(images)
    )


STEPS = 3


@dataclass(frozen=True)
class Whitening:
    """A linear map that gives samples the covariance one, nearly.

    Args:
        vectors: ``(D, r)`` orthonormal.
        scales: ``(r,)`` by which coordinates along them are multiplied.
        rest: by which what is orthogonal to them is multiplied.
    """

    vectors: Tensor
    scales: Tensor
    rest: float

    def apply(self, values: Tensor) -> Tensor:
        """``(n, D)`` to ``(n, D)``, or to ``(n, r)`` if the vectors are a basis."""
        along = values @ self.vectors
        if self.vectors.shape[0] == self.vectors.shape[1]:
            return along * self.scales
        return (along * (self.scales - self.rest)) @ self.vectors.T + values * self.rest

    def turned(self, directions: Tensor) -> Tensor:
        """The columns that map values to coordinates along directions ``(D, d)`` of the result."""
        if self.vectors.shape[0] == self.vectors.shape[1]:
            return (self.vectors * self.scales) @ directions
        return self.apply(directions.T).T


def principal(samples: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The largest variances of centred samples ``(n, D)``, ascending, and their directions.

    By the smaller of the two matrices of products.
    """
    count, size = samples.shape
    if count < size:
        variances, vectors = torch.linalg.eigh(samples @ samples.T / count)
        kept = variances > LEAST_VARIANCE * float(variances.max())
        variances, vectors = variances[kept][-most:], vectors[:, kept][:, -most:]
        return variances, samples.T @ vectors / (count * variances).sqrt()
    variances, vectors = torch.linalg.eigh(samples.T @ samples / count)
    return variances[-most:].clamp_min(0), vectors[:, -most:]


def _many(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int,
    mirror: Tensor,
) -> tuple[Tensor, Whitening]:
    """Mean and whitening from more mixtures than these have values."""
    mean, covariance = moments(pool, public, law, scale, seed, samples)
    mean = (mean + mean[mirror]) / 2
    covariance = (covariance + covariance[mirror][:, mirror]) / 2
    variances, vectors = torch.linalg.eigh(covariance)
    loading = LOADING * float(variances.mean())
    return mean, Whitening(vectors, (variances.clamp_min(0) + loading).rsqrt(), 0.0)


def _few(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int,
    mirror: Tensor,
) -> tuple[Tensor, Whitening]:
    """Mean and whitening from fewer mixtures than these have values."""
    powers = torch.empty((0, len(mirror)), device=pool.device)
    number = 0
    while len(powers) < samples:
        left = samples - len(powers)
        made = simulate(pool, public, law, scale, seed, number, left)[0] ** POWER
        powers, number = torch.cat([powers, made]), number + 1
    powers = torch.cat([powers, powers[:, mirror]])
    mean = powers.mean(0)
    variances, vectors = principal(powers - mean, len(mirror))
    loading = LOADING * float(variances.sum()) / len(mirror)
    return mean, Whitening(vectors, (variances + loading).rsqrt(), loading**-0.5)


def mirrored_places(shape: tuple[int, ...]) -> Tensor:
    """``(D,)``: the places of the values of a mirrored image."""
    return torch.arange(shape[0] * shape[1] * shape[2]).view(shape).flip(2).flatten()


def simulate(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    number: int,
    count: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Absolute values ``(n, D)`` of own mixtures, and their first members with their weights."""
    made, part = simulated(pool, public, law, scale, seed, number, count)
    first = torch.from_numpy(part.members[:, 0]).to(pool.device)
    return made, first, torch.from_numpy(part.weights[:, 0]).float().to(pool.device)


def simulated(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    number: int,
    count: int,
) -> tuple[Tensor, MixingPlan]:
    """Absolute values ``(n, D)`` of own mixtures, and what is in them."""
    plan = draw_plan(
        law, len(pool), len(public), 1, lambda name: numpy_stream(seed, "simulated", number, name)
    )
    part = plan.first(count)
    return mixtures(part, pool, public, scale).flatten(1).abs(), part


def moments(
    pool: Tensor, public: Tensor, law: MixingLaw, scale: Scale, seed: int, samples: int
) -> tuple[Tensor, Tensor]:
    """Mean and covariance of absolute mixtures to the power."""
    size = pool[0].numel()
    total = torch.zeros(size, device=pool.device)
    products = torch.zeros(size, size, device=pool.device)
    done = number = 0
    while done < samples:
        made, _, _ = simulate(pool, public, law, scale, seed, number, samples - done)
        for part in made.split(AT_ONCE):
            powers = part**POWER
            total += powers.sum(0)
            products += powers.T @ powers
        done, number = done + len(made), number + 1
    mean = total / done
    return mean, products / done - mean[:, None] * mean


def _gain_and_noise(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    mean: Tensor,
    basis: Tensor,
) -> tuple[float, Tensor]:
    """How far the square of an image moves the features, for its weight squared; and the rest."""
    made, first, weight = simulate(pool, public, law, scale, seed, -1, GAIN_SAMPLES)
    squares = scale.numbers(pool).flatten(1).square()
    moved = ((squares - squares.mean(0)) @ basis)[first] * weight[:, None].square()
    features = (made**POWER - mean) @ basis
    gain = float((features * moved).sum() / moved.square().sum().clamp_min(LEAST_VARIANCE))
    rest = features - gain * moved
    return max(gain, 0.0), rest.var(dim=0).clamp_min(LEAST_VARIANCE)
