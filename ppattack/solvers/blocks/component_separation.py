"""Which blocks of a grey image of colour components show brightness, and which colour differences.

Brightness has more texture than colour differences, and these stay closer to mid-grey. Neither
changes when a block is moved, turned, mirrored or complemented, and how many blocks each
component has is public. Public images say how much weight each has.

Reference: Ciphertext-Only Attack on Grayscale-Based EtC Image Encryption via Component
Separation and Regularized Single-Channel Compatibility. Journal of Imaging 12(2):65, 2026.

Deviations: the reference's classifier uses texture alone; distance from mid-grey, learning
from public images and pooling over ciphertexts under one key are this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices

MIDDLE = 127.5
LEAST_GRADIENT = 0.01
"""Added to squared gradients: textures below it look alike."""
MOST_PIECES = 100_000
"""Pieces of public images used."""
STEPS = 20
RIDGE = 1e-6


def measured(pieces: Tensor) -> Tensor:
    """``(..., 2)`` float64: logarithms of mean squared gradient and distance from mid-grey.

    Args:
        pieces: ``(..., C, B, B)`` uint8.
    """
    pixels = pieces.double()
    energy = torch.full(pieces.shape[:-3], LEAST_GRADIENT, dtype=torch.float64)
    energy = energy.to(pieces.device)
    for axis in (-1, -2):
        if pixels.shape[axis] > 1:
            energy += pixels.diff(dim=axis).square().mean((-3, -2, -1))
    distance = (pixels.mean((-3, -2, -1)) - MIDDLE).abs()
    return torch.stack([energy.log(), (distance + 1).log()], -1)


@dataclass(frozen=True)
class Separator:
    """The evidence for brightness: a quadratic form in what is measured.

    Args:
        weights: ``(6,)`` float64, for both measures, their squares and product, and a constant.
    """

    weights: Tensor

    def scores(self, pieces: Tensor) -> Tensor:
        """``(n,)``: the sum over images of how much each piece looks like brightness.

        Args:
            pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
        """
        found = [_terms(measured(image)) @ self.weights.to(image.device) for image in pieces]
        return torch.stack(found).sum(0)

    def separate(self, pieces: Tensor, counts: Sequence[int]) -> list[Indices]:
        """The pieces of each component.

        Args:
            pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
            counts: pieces of each component, brightness first; their sum is n.
        """
        order = np.argsort(-self.scores(pieces).cpu().numpy(), kind="stable")
        ends = np.cumsum(counts)[:-1]
        return [np.sort(part) for part in np.split(order, ends)]


UNTAUGHT = Separator(torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
"""The rule without public images: more texture, and farther from mid-grey."""


def learn(brightness: Tensor, others: Tensor) -> Separator:
    """Logistic regression on blocks of public images.

    Args:
        brightness: ``(m, C, B, B)`` uint8.
        others: ``(k, C, B, B)`` uint8, blocks of colour differences.
    """
    kinds = [part[:: max(1, 2 * len(part) // MOST_PIECES)] for part in (brightness, others)]
    terms = torch.cat([_terms(measured(part)) for part in kinds])
    wanted = torch.cat([torch.full((len(part),), 1.0 - i) for i, part in enumerate(kinds)])
    wanted = wanted.double().to(terms.device)
    weights = torch.zeros(terms.shape[1], dtype=torch.float64, device=terms.device)
    ridge = torch.diag(terms.square().sum(0)) * RIDGE
    for _ in range(STEPS):
        likely = torch.sigmoid(terms @ weights)
        curvature = (terms * (likely * (1 - likely))[:, None]).T @ terms + ridge
        slope = terms.T @ (wanted - likely) - ridge @ weights
        weights = weights + torch.linalg.solve(curvature, slope)
    return Separator(weights)


def _terms(measures: Tensor) -> Tensor:
    """``(..., 6)``."""
    first, second = measures.unbind(-1)
    products = [first * first, first * second, second * second, torch.ones_like(first)]
    return torch.stack([first, second, *products], -1)
