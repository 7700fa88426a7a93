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
        mean = features.mean(dim=0)
        centred = features - mean
        scale = float(centred.square().sum(dim=1).mean().clamp_min(EPSILON).rsqrt())
        examples = centred * scale
        shares = functional.one_hot(labels, classes).to(features.dtype)
        offset = shares.mean(dim=0)
        kernel = _kernel(examples, examples, width)
        kernel.diagonal().add_(ridge)
        weights = torch.linalg.solve(kernel, shares - offset)
        return cls(examples, mean, scale, width, weights, offset)

    def scores(self, features: Tensor) -> Tensor:
        """``(N, classes)``: how much each class is favoured, from ``(N, D)`` features."""
        parts = [
            _kernel((part - self.mean) * self.scale, self.examples, self.width) @ self.weights
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
    known, rest = slice(0, len(features) - held_out), slice(len(features) - held_out, None)
    found: dict[tuple[float, float], float] = {}
    for width in widths:
        for ridge in ridges:
            tried = KernelRidge.fit(features[known], labels[known], classes, width, ridge)
            right = tried.predict(features[rest]) == labels[rest]
            found[width, ridge] = float(right.double().mean())
    best = max(found, key=lambda pair: found[pair])
    return KernelRidge.fit(features, labels, classes, *best), found[best]


def _kernel(queries: Tensor, examples: Tensor, width: float) -> Tensor:
    squared = queries.square().sum(dim=1)[:, None] + examples.square().sum(dim=1)
    squared.addmm_(queries, examples.T, alpha=-2.0)
    return squared.clamp_min_(0.0).mul_(-width).exp_()
