"""The blocks of an image as numbers that the order of the blocks does not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.solvers.sums import Sent

LEVELS = 16
"""Values kept of a sorted list over moved blocks, at most; longer lists are averaged in groups."""
PROJECTIONS = 32
"""Random directions along which the blocks of an image are sorted."""
WORDS = 128
"""Typical blocks of public images, to whose shares the blocks of an image are counted."""
FITTED_BLOCKS = 20_000
"""Blocks of public images from which scales and typical blocks are taken."""


@dataclass(frozen=True)
class Bag(Sent):
    """A set of blocks as numbers that their order does not change."""

    mean: Tensor
    whitening: Tensor
    directions: Tensor
    words: Tensor

    @classmethod
    def fit(cls, described: Tensor, generator: torch.Generator) -> Bag:
        """From ``(M, D)`` blocks of images; the generator is on the CPU."""
        chosen = torch.randperm(len(described), generator=generator)[:FITTED_BLOCKS]
        some = described[chosen]
        mean = some.mean(dim=0)
        centred = some - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(some))
        keep = values > values.max() * 1e-5
        whitening = vectors[:, keep] / values[keep].sqrt()
        white = centred @ whitening
        directions = torch.randn(white.shape[1], PROJECTIONS, generator=generator).to(white.device)
        directions /= directions.norm(dim=0)
        words = _typical(white, generator)
        return cls(mean, whitening, directions, words)

    def __call__(self, described: Tensor) -> Tensor:
        """``(N, n, D)`` blocks to ``(N, F)`` numbers."""
        white = (described - self.mean) @ self.whitening
        over_blocks = torch.cat([described, white @ self.directions], dim=2)
        levels = _grouped(ascending(over_blocks, 1))
        distance = _distance(white, self.words)
        shares = (-distance / 0.5).softmax(dim=2).mean(dim=1).sqrt()
        return torch.cat([levels.flatten(1), shares, described.mean(dim=1)], dim=1)


def ascending(values: Tensor, dim: int) -> Tensor:
    """Sorted values; NumPy's sort of floats on a CPU takes a twentieth of torch's time."""
    if values.is_cpu:
        return torch.from_numpy(np.sort(values.numpy(), axis=dim))
    return values.sort(dim=dim).values


def _distance(values: Tensor, centres: Tensor) -> Tensor:
    """``(..., W)`` distances of rows ``(..., D)`` from ``(W, D)``, faster than ``cdist``."""
    square = (values @ centres.T).mul_(-2)
    square += values.square().sum(dim=-1, keepdim=True)
    square += centres.square().sum(dim=1)
    return square.clamp_min_(0).sqrt_()


def _grouped(values: Tensor) -> Tensor:
    """``(N, n, D)`` sorted over n, to at most LEVELS values."""
    count = values.shape[1]
    if count <= LEVELS:
        return values
    pooled = torch.nn.functional.adaptive_avg_pool1d(values.transpose(1, 2), LEVELS)
    return pooled.transpose(1, 2)


def _typical(white: Tensor, generator: torch.Generator) -> Tensor:
    """``(WORDS, D)`` centres by a few rounds of k-means."""
    centres = white[torch.randperm(len(white), generator=generator)[:WORDS]].clone()
    for _ in range(8):
        nearest = _distance(white, centres).argmin(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, white)
        counts = torch.bincount(nearest, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)
    return centres
