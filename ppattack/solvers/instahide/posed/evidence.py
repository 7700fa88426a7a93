"""How likely it is that mixtures hold an image, in every pose, by their absolute values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.instahide.posed.placement import (
    POSES,
    Placement,
    products_in_poses,
    waves_of,
)
from ppattack.solvers.instahide.posed.statistics import PosedStatistics

TRUST = 0.5
"""Share of its log-likelihood by which a mixture counts: the model is linear, mixtures are not."""


@dataclass(frozen=True)
class Images:
    """Images by the differences of their squares from the mean.

    Args:
        coordinates: ``(K, d)`` in the basis of the statistics.
        squares: ``(K, D)`` the differences.
    """

    coordinates: Tensor
    squares: Tensor

    def part(self, kept: Tensor | list[int]) -> Images:
        """Some of the images."""
        return Images(self.coordinates[kept], self.squares[kept])

    @classmethod
    def joined(cls, parts: list[Images]) -> Images:
        """All images of several."""
        return cls(
            torch.cat([part.coordinates for part in parts]),
            torch.cat([part.squares for part in parts]),
        )


@dataclass(frozen=True)
class Seen:
    """What mixtures show: :meth:`PosedStatistics.seen`, and what follows from it.

    Args:
        values: ``(n, D)``.
        waves: their Fourier transform.
        frames: ``(n, POSES)`` products with the frames of all poses.
    """

    values: Tensor
    waves: Tensor
    frames: Tensor

    def part(self, rows: Tensor) -> Seen:
        """Some of the mixtures."""
        return Seen(self.values[rows], self.waves[rows], self.frames[rows])


class Evidence:
    """Log-likelihood ratios of a model.

    Args:
        model: of the mixtures.
    """

    def __init__(self, model: PosedStatistics) -> None:
        self.model = model
        self.filtered = model.frames @ model.precision  # (POSES, D)
        self.sizes = (self.filtered * model.frames).sum(1)
        self.pulls = _each_taken_back(self.filtered.view(POSES, *model.shape))

    def seen(self, values: Tensor) -> Seen:
        """What is seen in values ``(n, D)``, whole or what is left of them."""
        waves = waves_of(values.view(-1, *self.model.shape))
        return Seen(values, waves, values @ self.model.frames.T)

    def ratios(self, seen: Seen, power: Tensor, images: Images) -> Tensor:
        """``(n, K, POSES)``: an image in a pose, against nothing that is known.

        Args:
            seen: of n mixtures.
            power: ``(n,)`` squared weights.
            images: K of them.
        """
        squares = images.squares.view(-1, *self.model.shape)
        found = products_in_poses(seen.waves, squares) + seen.frames[:, None]
        size = self.sizes + 2 * images.squares @ self.pulls.T
        size = size + images.coordinates.square().sum(1, keepdim=True)
        by = self.model.gain * power[:, None, None]
        return by * found - 0.5 * by.square() * size

    def of_frames(self, seen: Seen, power: Tensor) -> Tensor:
        """``(n, POSES)``: an image of which nothing is known, in a pose."""
        by = self.model.gain * power[:, None]
        return by * seen.frames - 0.5 * by.square() * self.sizes

    def images(self, sums: Tensor, information: Tensor) -> Images:
        """Posterior means.

        Args:
            sums: ``(K, D)`` of what mixtures show beyond frames, taken back, by ``gain λ²``.
            information: ``(K,)`` sums of ``(gain λ²)²``.
        """
        shrunk = information[:, None] + 1 / self.model.variances
        coordinates = (sums @ self.model.basis) / shrunk
        return Images(coordinates, coordinates @ self.model.basis.T)


def marginal(ratios: Tensor) -> Tensor:
    """Log-likelihood ratios over all poses, by :data:`TRUST`; the last dimension is gone."""
    return torch.logsumexp(TRUST * ratios, dim=-1)


def _each_taken_back(values: Tensor) -> Tensor:
    """``(POSES, D)``: each of as many values, taken back from its own pose."""
    identity = torch.arange(POSES)[:, None]
    placement = Placement(identity, torch.ones(identity.shape), identity, POSES)
    return placement.gathered(values).flatten(1)
