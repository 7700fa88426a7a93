"""Classification by kernel ridge regression: closed form, seconds for thousands of examples.

Reference: C. Saunders, A. Gammerman, V. Vovk: Ridge regression learning algorithm in dual
variables. ICML (1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

AT_ONCE = 4096
"""Queries compared with the examples at a time."""
EPSILON = 1e-12


@dataclass(frozen=True)
class KernelRidge:
    """A classifier whose kernel falls with the squared distance of features.

    Args:
        examples: ``(M, D)`` features, centred and scaled to a mean squared norm of 1.
        mean: ``(D,)`` what was subtracted.
        scale: what they were multiplied by.
        width: the kernel is ``exp(-width d²)``.
        weights: ``(M, classes)``.
        offset: ``(classes,)`` the share of each class.
    """

    examples: Tensor
    mean: Tensor
    scale: float
    width: float
    weights: Tensor
    offset: Tensor

    @classmethod
    def fit(
        cls, features: Tensor, labels: Tensor, classes: int, width: float = 0.7, ridge: float = 0.2
    ) -> KernelRidge:
        """Fit it.

        Args:
            features: ``(M, D)`` float32, M > 0.
            labels: ``(M,)`` int64, the class of each.
            classes: how many there are.
            width: of the kernel.
            ridge: added to the kernel's diagonal.
        """
        mean, scale = _form(features)
        examples = (features - mean) * scale
        shares = functional.one_hot(labels, classes).to(features.dtype)
        offset = shares.mean(dim=0)
        weights = _weights(_squares(examples, examples), shares - offset, width, ridge)
        return cls(examples, mean, scale, width, weights, offset)

    def scores(self, features: Tensor) -> Tensor:
        """``(N, classes)``: how much each class is favoured, from ``(N, D)`` features."""
        parts = [
            _squares((part - self.mean) * self.scale, self.examples).mul_(-self.width).exp_()
            @ self.weights
            for part in features.split(AT_ONCE)
        ]
        return torch.cat(parts) + self.offset

    def predict(self, features: Tensor) -> Tensor:
        """``(N,)`` int64: the favoured class of ``(N, D)`` features."""
        return self.scores(features).argmax(dim=1)


def chosen_by_held_out(
    features: Tensor,
    labels: Tensor,
    classes: int,
    held_out: int,
    widths: Sequence[float],
    ridges: Sequence[float],
) -> tuple[KernelRidge, float]:
    """The classifier whose width and ridge do best on the last examples, fitted on all of them.

    Args:
        features: ``(M, D)``, in random order.
        labels: ``(M,)`` int64.
        classes: how many there are.
        held_out: the last examples, which only choose.
        widths: to try.
        ridges: to try.

    Returns:
        it, and its accuracy on the examples held out while it did not know them.
    """
    known, rest = features[:-held_out], features[-held_out:]
    mean, scale = _form(known)
    known, rest = (known - mean) * scale, (rest - mean) * scale
    within, between = _squares(known, known), _squares(rest, known)
    shares = functional.one_hot(labels[:-held_out], classes).to(features.dtype)
    offset = shares.mean(dim=0)
    found: dict[tuple[float, float], float] = {}
    for width in widths:
        near = between.mul(-width).exp_()
        for ridge in ridges:
            scores = near @ _weights(within, shares - offset, width, ridge) + offset
            right = scores.argmax(dim=1) == labels[-held_out:]
            found[width, ridge] = float(right.double().mean())
    best = max(found, key=lambda pair: found[pair])
    return KernelRidge.fit(features, labels, classes, *best), found[best]


def _form(features: Tensor) -> tuple[Tensor, float]:
    """The mean of features, and what brings them to a mean squared norm of 1 without it."""
    mean = features.mean(dim=0)
    square = (features - mean).square().sum(dim=1).mean()
    return mean, float(square.clamp_min(EPSILON).rsqrt())


def _weights(squares: Tensor, targets: Tensor, width: float, ridge: float) -> Tensor:
    kernel = squares.mul(-width).exp_()
    kernel.diagonal().add_(ridge)
    return torch.cholesky_solve(targets, torch.linalg.cholesky(kernel))


def _squares(queries: Tensor, examples: Tensor) -> Tensor:
    """``(N, M)`` squared distances."""
    squared = queries.square().sum(dim=1)[:, None] + examples.square().sum(dim=1)
    return squared.addmm_(queries, examples.T, alpha=-2.0).clamp_min_(0.0)
