"""What absolute mixtures of cropped and mirrored images look like; learnt once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.posed.placement import (
    POSES,
    SHIFTS,
    Placement,
    in_all_poses,
    pose_number,
)
from ppattack.solvers.instahide.statistics import (
    FEATURES,
    GAIN_SAMPLES,
    LOADING,
    MOST_POOL,
    POWER,
    SAMPLES,
    mirrored_places,
    moments,
    principal,
    simulated,
)
from ppattack.target.mixing import PADDING, MixingLaw, Scale

LEAST = 1e-6
AT_ONCE = 1000


@dataclass(frozen=True)
class PosedStatistics:
    """A linear model of absolute mixtures: what squares of images in poses add to them.

    A mixture's values ``|e|^power - mean`` have the covariance that ``precision`` is the inverse
    of. One member adds ``gain λ²`` times its square in its pose, less the mean of these. Images are
    known by the difference of their squares from the mean square; ``frames`` is what the mean
    square adds in a pose, whose black frame alone says much of the pose.

    Args:
        mean: ``(D,)`` of absolute values to the power.
        precision: ``(D, D)``.
        basis: ``(D, d)`` of differences of squares; coordinates are whitened by the precision, in
            the mean over poses, and independent.
        variances: ``(d,)`` of the coordinates of images.
        frames: ``(POSES, D)``.
        gain: of squares.
        mean_square: ``(D,)`` of images.
        naturals: the Gaussian of images.
        cropped: the Gaussian of cropped and mirrored images.
        black: ``(C, 1, 1)`` the number of black.
    """

    mean: Tensor
    precision: Tensor
    basis: Tensor
    variances: Tensor
    frames: Tensor
    gain: float
    mean_square: Tensor
    naturals: NaturalPrior
    cropped: NaturalPrior
    black: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        return self.naturals.shape

    def seen(self, values: Tensor) -> Tensor:
        """``(E, D)`` of absolute values ``(E, D)``, whose products with squares are evidence."""
        parts = [((part**POWER) - self.mean) @ self.precision for part in values.split(AT_ONCE)]
        return torch.cat(parts)

    def half(self, start: int) -> PosedStatistics:
        """The same with every second coordinate of images only."""
        return replace(self, basis=self.basis[:, start::2], variances=self.variances[start::2])


def learn(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int = SAMPLES,
    step: Callable[[], None] = lambda: None,
) -> PosedStatistics:
    """Learn the statistics from public images alone; see :func:`statistics.learn`.

    ``step`` is called after each of :data:`statistics.STEPS` steps.
    """
    pool, public = pool[:MOST_POOL].cpu(), public[:MOST_POOL].cpu()
    shape = (pool.shape[1], pool.shape[2], pool.shape[3])
    mirror = mirrored_places(shape)
    mean, covariance = moments(pool, public, law, scale, seed, samples)
    mean = (mean + mean[mirror]) / 2
    covariance = (covariance + covariance[mirror][:, mirror]) / 2
    variances, vectors = torch.linalg.eigh(covariance)
    variances = variances.clamp_min(0) + LOADING * float(variances.mean())
    precision = (vectors / variances) @ vectors.T
    step()
    numbers = scale.numbers(pool)
    squares = numbers.flatten(1).square()
    mean_square = (squares.mean(0) + squares.mean(0)[mirror]) / 2
    basis, spread = _basis(squares - mean_square, mirror, mean_precision(precision, shape))
    step()
    black = scale.numbers(torch.zeros((1, shape[0], 1, 1), dtype=torch.uint8))[0]
    framed = in_all_poses(mean_square.view(1, *shape) - black**2)[0]
    frames = framed - framed.mean(0)
    gain = _gain(pool, public, law, scale, seed, mean, precision, framed.mean(0), black)
    cropped = NaturalPrior.of(_cropped(numbers - black, seed) + black)
    step()
    return PosedStatistics(
        mean,
        precision,
        basis,
        spread,
        frames,
        gain,
        mean_square,
        NaturalPrior.of(numbers),
        cropped,
        black,
    )


def mean_precision(precision: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """``(D, D)``: what a precision of mixtures is for an image, on average over poses."""
    channels, height, width = shape
    table = precision.view(*shape, *shape)
    total = torch.zeros_like(table)
    for down in range(-PADDING, PADDING + 1):
        for right in range(-PADDING, PADDING + 1):
            rows, columns = _kept(down, height), _kept(right, width)
            there_rows, there_columns = _kept(-down, height), _kept(-right, width)
            total[:, rows, columns, :, rows, columns] += table[
                :, there_rows, there_columns, :, there_rows, there_columns
            ]
    size = channels * height * width
    mean = total.view(size, size) / SHIFTS
    mirror = mirrored_places(shape)
    return (mean + mean[mirror][:, mirror]) / 2


def _kept(by: int, size: int) -> slice:
    """The rows of an image that a shift leaves in the mixture."""
    return slice(max(0, -by), size - max(0, by))


def _basis(squares: Tensor, mirror: Tensor, precision: Tensor) -> tuple[Tensor, Tensor]:
    """Directions of differences of squares, white for the precision, and variances along them."""
    values, vectors = torch.linalg.eigh(precision)
    values = values.clamp_min(LEAST * float(values.max()))
    root = (vectors * values.sqrt()) @ vectors.T
    samples = torch.cat([squares, squares[:, mirror]]) @ root
    variances, turn = principal(samples, FEATURES)
    basis = ((vectors * values.rsqrt()) @ vectors.T) @ turn
    return basis.contiguous(), variances.clamp_min(LEAST * float(variances.max()))


def _gain(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    mean: Tensor,
    precision: Tensor,
    mean_square: Tensor,
    black: Tensor,
) -> float:
    """How far a member's square in its pose moves the absolute values, for its weight squared."""
    made, plan = simulated(pool, public, law, scale, seed, -1, GAIN_SAMPLES)
    shifts = torch.from_numpy(plan.shifts[:, 0])
    poses = pose_number(shifts[:, 0], shifts[:, 1], torch.from_numpy(plan.mirrored[:, 0]))
    first, weight = torch.from_numpy(plan.members[:, 0]), torch.from_numpy(plan.weights[:, 0])
    placement = Placement(
        first[:, None], weight.float().square()[:, None], poses[:, None], len(pool)
    )
    squares = scale.numbers(pool).square() - black**2
    moved = placement.placed(squares) - placement.total[:, None] * mean_square
    pulled = moved @ precision
    seen = made**POWER - mean
    return max(0.0, float((seen * pulled).sum() / (moved * pulled).sum().clamp_min(LEAST)))


def _cropped(images: Tensor, seed: int) -> Tensor:
    """Every image ``(M, C, H, W)``, counted from black, in some pose."""
    generator = torch_stream(seed, "poses")
    poses = torch.randint(POSES, (len(images), 1), generator=generator)
    every = torch.arange(len(images))[:, None]
    placement = Placement(every, torch.ones(every.shape), poses, len(images))
    return placement.placed(images).view(images.shape)
