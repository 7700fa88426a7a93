"""How badly one piece's border continues another's: measures of a seam, one direction each.

A measure first fits something to every line that can stand before a seam, then compares it with
lines after it. The cost of a seam adds both directions. Complements and colour orders change
signs and channels of a line, never the fit, so that all states of a pair share one fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.jigsaw.lines import BorderLines

REGULARISATION = 10.0
"""Added to the variances of a gradient, squared grey levels."""
SPREAD_WEIGHT = 0.2
"""Weight of the log-determinant of a gradient's covariance beside its distances: without it,
a piece with strong texture continues everything."""


@dataclass(frozen=True)
class Measure:
    """One way to score a seam.

    Args:
        fit: border lines to features ``(8, n, F, K)`` of the lines before a seam.
        read: lines after a seam ``(b, B, C)`` to what is compared with features.
        compare: features ``(a, F, K)`` and b lines that were read to costs ``(a, b)``.
        compare_each: the same for many sets at once: features ``(m, a, F, K)`` and lines that were
            read, ``(m, P, T, b)``, to ``(m, a, b)``; a line has P parts of T numbers.
        sharpness: a cost D is about as likely as ``D ** -sharpness`` for neighbours.
        floor: added to a cost for each pixel of a line: the least that means anything.
    """

    fit: Callable[[BorderLines], Tensor]
    read: Callable[[Tensor], Tensor]
    compare: Callable[[Tensor, Tensor], Tensor]
    compare_each: Callable[[Tensor, Tensor], Tensor]
    sharpness: float
    floor: float


def mgc_fit(lines: BorderLines) -> Tensor:
    """Mean and covariance of the gradient across the border, with dummy gradients.

    The dummies are zero and a step of one level up and down, in all channels and in each: nine
    for colour, five for grey. They keep the covariance invertible.
    """
    gradient = lines.edge - lines.inner
    channels = gradient.shape[3]
    unit = torch.eye(channels, device=gradient.device)
    grey = torch.ones(1, channels, device=gradient.device)
    dummies = torch.cat([0 * grey, grey, -grey, unit, -unit])
    sample = torch.cat([gradient, dummies.expand(*gradient.shape[:2], *dummies.shape)], 2)
    return _distances(lines.edge + gradient.mean(2, keepdim=True), _covariance(sample), 0.0)


def regularised_fit(lines: BorderLines) -> Tensor:
    """Mean and covariance of the gradient, the variances raised by a constant."""
    gradient = lines.edge - lines.inner
    unit = torch.eye(gradient.shape[3], device=gradient.device)
    covariance = _covariance(gradient) + REGULARISATION * unit
    expected = lines.edge + gradient.mean(2, keepdim=True)
    return _distances(expected, covariance, SPREAD_WEIGHT)


def _covariance(sample: Tensor) -> Tensor:
    centred = sample - sample.mean(2, keepdim=True)
    return centred.transpose(2, 3) @ centred / max(1, sample.shape[2] - 1)


def _distances(expected: Tensor, covariance: Tensor, spread_weight: float) -> Tensor:
    """Features whose products with those of a line are squared Mahalanobis distances.

    ``(x - c) P (x - c)ᵀ`` is linear in the entries of ``xᵀx`` and x. The last feature is what
    the spread adds to every pixel.
    """
    precision = torch.linalg.inv(covariance.double())
    centre = torch.einsum("gnij,gnrj->gnri", precision, expected.double())
    level = (centre * expected).sum(3, keepdim=True)
    first, second = _pairs(expected.shape[3], expected.device)
    twice = torch.where(first == second, 1.0, 2.0)
    shape = (*expected.shape[:3], len(first))
    squares = (precision[:, :, first, second] * twice)[:, :, None].expand(shape)
    spread = (spread_weight / 2 * torch.linalg.slogdet(covariance)[1].double())[..., None, None]
    spread = spread.expand(*expected.shape[:3], 1)
    return torch.cat([squares, -2 * centre, level, spread], 3).float()


def terms(after: Tensor) -> Tensor:
    """``(B, K - 1, b)``: what a squared distance is linear in, for each pixel of each line."""
    channels = after.unbind(2)
    first, second = _pairs(len(channels), torch.device("cpu"))
    squares = [channels[i] * channels[j] for i, j in zip(first, second, strict=True)]
    found = torch.stack([*squares, *channels, torch.ones_like(channels[0])])
    return found.permute(2, 0, 1).contiguous()


def mahalanobis_sum(features: Tensor, after: Tensor) -> Tensor:
    """The sum over the pixels of a line of Mahalanobis distances, not squared.

    The roots keep the sum over pixels from being one product of matrices; it is one for each
    pixel, with as many terms as a quadratic form in the channels has.
    """
    total = features[:, :, -1].sum(1, keepdim=True).repeat(1, after.shape[2])
    product = torch.empty_like(total)
    for pixel, seen in enumerate(after):
        torch.mm(features[:, pixel, :-1], seen, out=product)
        total += product.clamp_(min=0).sqrt_()
    return total


def mahalanobis_sum_of_each(features: Tensor, after: Tensor) -> Tensor:
    """:func:`mahalanobis_sum` of many sets."""
    total = features[..., -1].sum(2)[..., None].repeat(1, 1, after.shape[3])
    for pixel in range(after.shape[1]):
        product = torch.bmm(features[:, :, pixel, :-1], after[:, pixel])
        total += product.clamp_(min=0).sqrt_()
    return total


def _pairs(channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    first, second = torch.triu_indices(channels, channels, device=device)
    return first, second


def extrapolation_fit(lines: BorderLines) -> Tensor:
    """Each border continued by one pixel in a straight line."""
    return (2 * lines.edge - lines.inner).flatten(2)[:, :, None]


def values(after: Tensor) -> Tensor:
    """``(b, B · C)``: the lines as they are."""
    return after.flatten(1)


def squared_difference(features: Tensor, after: Tensor) -> Tensor:
    """The sum of squares of what the prediction missed."""
    expected = features[:, 0]
    level = expected.square().sum(1)[:, None] + after.square().sum(1)
    return torch.addmm(level, expected, after.T, alpha=-2).clamp_(min=0)


def absolute_difference(features: Tensor, after: Tensor) -> Tensor:
    """The sum of absolute values of what the prediction missed: pair by pair, no products."""
    return torch.cdist(features[:, 0], after, p=1.0)


def squared_difference_of_each(features: Tensor, after: Tensor) -> Tensor:
    """:func:`squared_difference` of many sets."""
    expected, seen = features[:, :, 0], after[:, 0]
    level = expected.square().sum(2)[..., None] + seen.square().sum(1)[:, None]
    return torch.baddbmm(level, expected, seen, alpha=-2).clamp_(min=0)


def absolute_difference_of_each(features: Tensor, after: Tensor) -> Tensor:
    """:func:`absolute_difference` of many sets."""
    return torch.cdist(features[:, :, 0], after[:, 0].transpose(1, 2), p=1.0)


_MAHALANOBIS = (terms, mahalanobis_sum, mahalanobis_sum_of_each)
_SQUARED = (values, squared_difference, squared_difference_of_each)
_ABSOLUTE = (values, absolute_difference, absolute_difference_of_each)
MEASURES = {
    "mgc": Measure(mgc_fit, *_MAHALANOBIS, sharpness=24.0, floor=0.1),
    "regularised-mgc": Measure(regularised_fit, *_MAHALANOBIS, sharpness=24.0, floor=0.0),
    "prediction-l2": Measure(extrapolation_fit, *_SQUARED, sharpness=10.0, floor=1.0),
    "prediction-l1": Measure(extrapolation_fit, *_ABSOLUTE, sharpness=20.0, floor=1.0),
}
"""``mgc``: Mahalanobis gradient compatibility as published, distances not squared as in its
authors' code; ``regularised-mgc``: variances raised by a constant instead of dummy gradients,
which also suits short lines and single channels; ``prediction-l2`` and ``prediction-l1``:
straight continuation.

Reference: A. Gallagher, "Jigsaw Puzzles with Pieces of Unknown Orientation", CVPR 2012;
D. Pomeranz, M. Shemesh, O. Ben-Shahar, "A Fully Automated Greedy Square Jigsaw Puzzle Solver",
CVPR 2011, for straight continuation.
"""
