"""Which candidate a ciphertext is of: the likelihood ratio of two vectors of invariants.

Canonical correlations of (ciphertext, copy) pairs say which directions survive an alteration and
how well. In them the pair of one image is a correlated Gaussian, and that of two images is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.sums import Sent

COMPONENTS = 300
"""Principal components of each side, at most."""
PAIRS_PER_COMPONENT = 4
"""Pairs for each of them, at least: with fewer, correlations are found that are not there."""
RIDGE = 2e-5
"""Share of the largest variance that is added to all before they are made equal."""
STEADIEST = 0.05
"""A feature counts by its spread over images in units of how much copies change it; of its spread
the change is taken to be this share at least."""
LEAST = 0.05
"""Canonical correlations below this one on held-out pairs carry nothing and are dropped."""
LARGEST = 0.9999
"""So that one direction never decides alone."""
CLIP = 5.0
"""Canonical values are cut here, in standard deviations."""
HELD_OUT = 5
"""Every so many-th pair measures the correlations and takes no part in the fit."""
NARROWEST = 1e-6
"""Features whose standard deviation is below this share of the largest say nothing."""


@dataclass(frozen=True)
class Half(Sent):
    """Canonical values of one side.

    Args:
        mean: ``(F,)`` of the features.
        scale: ``(F,)`` their unit; infinite if they say nothing.
        map: ``(F, K)`` from features in their units to canonical values.
    """

    mean: Tensor
    scale: Tensor
    map: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """``(N, F)`` features to ``(N, K)`` values."""
        return (((features - self.mean) / self.scale) @ self.map).clamp(-CLIP, CLIP)


@dataclass(frozen=True)
class PairLikelihood(Sent):
    """Log-likelihood ratio of being one image.

    Args:
        ciphertext: the canonical values of one side.
        candidate: those of the other.
        correlation: ``(K,)`` of each pair of canonical values, on pairs not used in the fit.
    """

    ciphertext: Half
    candidate: Half
    correlation: Tensor

    @classmethod
    def fit(cls, ciphertexts: Tensor, copies: Tensor) -> PairLikelihood:
        """From ``(M, F)`` features of both sides of M known pairs."""
        held = held_out(len(ciphertexts))
        change = (ciphertexts - copies)[~held].std(dim=0)
        left, x = _whitened(ciphertexts[~held], change)
        right, y = _whitened(copies[~held], change)
        u, _, v = torch.linalg.svd(x.T @ y / len(x), full_matrices=False)
        left, right = _turned(left, u), _turned(right, v.T)
        a, b = left(ciphertexts[held]), right(copies[held])
        spread_a, spread_b = a.std(dim=0).clamp_min(0.1), b.std(dim=0).clamp_min(0.1)
        a, b = (a - a.mean(dim=0)) / spread_a, (b - b.mean(dim=0)) / spread_b
        rho = (a * b).mean(dim=0).clamp(-1, LARGEST)
        keep = rho > LEAST
        return cls(
            Half(left.mean, left.scale, (left.map / spread_a)[:, keep]),
            Half(right.mean, right.scale, (right.map / spread_b)[:, keep]),
            rho[keep],
        )

    def scores(self, u: Tensor, v: Tensor) -> Tensor:
        """``(N, M)`` log-likelihood ratios of canonical values ``(N, K)`` and ``(M, K)``."""
        cross, own, constant = self._weights()
        found = (u * cross) @ v.T
        return found.sub_((u**2 @ own)[:, None]).sub_((v**2 @ own)[None]).add_(constant)

    def of_pairs(self, u: Tensor, v: Tensor) -> Tensor:
        """``(N,)`` likewise of canonical values ``(N, K)`` of N pairs."""
        cross, own, constant = self._weights()
        return (u * cross * v).sum(dim=1) - u**2 @ own - v**2 @ own + constant

    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """``(K,)`` what products and squares count, and a constant."""
        rest = 1 - self.correlation**2
        return self.correlation / rest, self.correlation**2 / rest / 2, -0.5 * rest.log().sum()


def held_out(count: int) -> Tensor:
    """``(count,)`` bool: which of so many pairs measure the correlations."""
    return torch.arange(count) % HELD_OUT == 0


def _whitened(features: Tensor, change: Tensor) -> tuple[Half, Tensor]:
    """Leading principal components with equal variances, and their values.

    They lead by what copies leave as it is, not by what differs most between images: features are
    in units of ``change`` ``(F,)``, the standard deviation of what copies do to them.
    """
    mean, spread = features.mean(dim=0), features.std(dim=0)
    told = spread > NARROWEST * spread.max().clamp_min(1e-12)
    scale = torch.where(told, torch.maximum(change, STEADIEST * spread), torch.inf)
    x = (features - mean) / scale
    top = max(1, min(COMPONENTS, len(x) // PAIRS_PER_COMPONENT, int(told.sum())))
    values, vectors = _principal(x, top)
    half = Half(mean, scale, vectors / (values + RIDGE * values[-1]).clamp_min(1e-12).sqrt())
    return half, half(features)


def _principal(x: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """The largest variances of ``(M, F)`` values and their directions, ``(top,)``, ``(F, top)``."""
    if len(x) >= x.shape[1]:
        values, vectors = torch.linalg.eigh(x.T @ x / len(x))
        return values[-top:].clamp_min(0), vectors[:, -top:]
    values, rows = torch.linalg.eigh(x @ x.T / len(x))
    values, rows = values[-top:].clamp_min(0), rows[:, -top:]
    return values, x.T @ rows / (values * len(x)).sqrt().clamp_min(1e-6)


def _turned(half: Half, rotation: Tensor) -> Half:
    return Half(half.mean, half.scale, half.map @ rotation)
