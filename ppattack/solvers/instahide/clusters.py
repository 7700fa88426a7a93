"""Groups of mixtures that hold one image, grown from single mixtures."""

from __future__ import annotations

import torch
from torch import Tensor

SEEDS = 400
"""Mixtures from which a group is grown: those with the largest weights."""
NEAREST = 12
"""Neighbours with which a group begins."""
SIZES = (0.0, 0.4, 0.6, 0.7)
"""Members after each further pass, as a share of those there should be; 20 after the first."""
FIRST_SIZE = 20
OVERLAP = 1 / 3
"""Groups that share more of their members with a better one are dropped."""


def pair_scores(features: Tensor, variances: Tensor, power: Tensor) -> Tensor:
    """``(E, E)``: the log-likelihood ratio, for small signals, that two mixtures share an image.

    Args:
        features: ``(E, d)`` whitened.
        variances: ``(d,)`` of an image's contribution at weight 1.
        power: ``(E,)`` squared weights.
    """
    scores = (features * variances) @ features.T
    scores *= power[:, None]
    scores *= power
    return scores.fill_diagonal_(0)


def grow(
    features: Tensor, power: Tensor, variances: Tensor, wanted: int, appearances: float
) -> Tensor:
    """The centroids of the best groups, ``(n, d)``, at most ``wanted``.

    Args:
        features: ``(m, d)`` of mixtures that may hold the images.
        power: ``(m,)`` squared weights.
        variances: ``(d,)`` of an image's contribution at weight 1.
        wanted: groups.
        appearances: members that a group should have.
    """
    if len(features) < 2 or wanted < 1:
        return features[:0]
    scores = pair_scores(features, variances, power)
    seeds = power.argsort(descending=True)[:SEEDS]
    near = scores[seeds].topk(min(NEAREST, len(features) - 1), dim=1).indices
    chosen = _indicator(torch.cat([near, seeds[:, None]], dim=1), len(features))
    for share in SIZES:
        means = _means(chosen, features, power, variances)
        gains = _gains(means, features, power)
        size = max(1, int(share * appearances) if share else FIRST_SIZE)
        best = gains.topk(min(size, len(features)), dim=1)
        chosen = _indicator(best.indices, len(features))
    worth = best.values.clamp_min(0).sum(dim=1)
    return means[far_apart(best.indices, worth, len(features), wanted)]


def far_apart(members: Tensor, worth: Tensor, count: int, wanted: int) -> list[int]:
    """The best groups of which no two share many members.

    Args:
        members: ``(n, size)`` of each group.
        worth: ``(n,)``.
        count: mixtures.
        wanted: groups, at most.
    """
    chosen = _indicator(members, count)
    shared = chosen @ chosen.T
    most = float(chosen[0].sum()) * OVERLAP
    kept: list[int] = []
    for group in worth.argsort(descending=True).tolist():
        if all(float(shared[group, other]) < most for other in kept):
            kept.append(group)
        if len(kept) == wanted:
            break
    return kept


def _indicator(rows: Tensor, count: int) -> Tensor:
    made = torch.zeros((len(rows), count), device=rows.device)
    return made.scatter_(1, rows, 1.0)


def _means(chosen: Tensor, features: Tensor, power: Tensor, variances: Tensor) -> Tensor:
    """What the images of groups contribute at weight 1, given their members."""
    information = (chosen @ power.square())[:, None] + 1 / variances
    return (chosen * power) @ features / information


def _gains(means: Tensor, features: Tensor, power: Tensor) -> Tensor:
    """``(n, m)``: how much better each mixture is explained with each image in it."""
    sizes = means.square().sum(dim=1, keepdim=True)
    return (means @ features.T) * power - 0.5 * sizes * power.square()
