"""How much brighter the victims' images are than the public ones, on average.

Both sides' components are counted from their own mean, so that the difference of the means is lost,
and it matters most in the strongest component: brightness. What the other components are at each
brightness gives it back: their curves bend at one place, whatever images are common.

Curves that bend have another slope on average if images are brighter, and principal components have
none. So the other components of two sets of images differ by a share of the brightness, which a
rotation that moments agree on does not see. Curves at equal brightness do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 40
"""Ranges of brightness with equally many of the victims' patches."""
REACH = 0.5
"""Largest difference that is tried, deviations of a patch's brightness."""
STEPS = 51
GROUPS = 8
MOST_ROWS = 8000
"""Patches of either side that are compared, by group."""
SETS = 0.1
"""What two sets of images differ by beyond chance, deviations."""
UNSEEN = 0.03
"""What the shift is wrong by that groups have in common, deviations: images of other contents have
other curves. Measured between sets of 200 photographs: 0.034 at depth 3, 0.017 at depth 7."""
PASSES = 3
"""How often the shift and the leak are found, each given the other."""
STEP = 0.05
"""Change of the shift, deviations, by which the slope of the leak is measured."""
SMALLEST = 1e-9


@dataclass(frozen=True)
class Brightness:
    """How the victims' frame differs from own components that were turned into it.

    Args:
        shift: what to add to the first of them: how much brighter the victims' images are.
        doubt: variance of what the shift is wrong by.
        leak: ``(K,)`` how much of the first to add to each of the others.
        slope: ``(K,)`` by how much the leak changes with the shift.
    """

    shift: float
    doubt: float
    leak: Tensor
    slope: Tensor

    @classmethod
    def between(cls, victims: Tensor, own: Tensor) -> Brightness:
        """Compare components ``(N, P, K)`` with own ones ``(M, P, K)``, turned into their frame."""
        shift = doubt = 0.0
        leak = brightness_leak(victims, own, shift)
        for _ in range(PASSES):
            shift, doubt = brightness_shift(victims, own + own[..., :1] * leak)
            leak = brightness_leak(victims, own, shift)
        step = max(STEP * float(victims[..., 0].std()), SMALLEST)
        before, after = (brightness_leak(victims, own, shift + way * step) for way in (-1, 1))
        return cls(shift, doubt, leak, (after - before) / (2 * step))


def brightness_leak(victims: Tensor, own: Tensor, shift: float) -> Tensor:
    """``(K,)``: how much of the first component each of the others lacks, none for the first.

    Args:
        victims: ``(N, P, K)``.
        own: ``(M, P, K)`` of public images, turned into the victims' frame.
        shift: of the first of them.
    """
    ours, theirs = victims.flatten(0, 1), own.flatten(0, 1)
    edges = _edges(ours)
    at, other = _means(ours, 0.0, edges), _means(theirs, shift, edges)
    counts = at[1] * other[1] / (at[1] + other[1]).clamp_min(1)
    weights = (counts / counts.sum().clamp_min(SMALLEST))[:, None]
    apart, level = at[0] - other[0], at[0][:, :1]
    apart, level = (each - (weights * each).sum(dim=0) for each in (apart, level))
    leak: Tensor = (weights * level * apart).sum(dim=0)
    leak = leak / (weights * level.square()).sum().clamp_min(SMALLEST)
    leak[0] = 0
    return leak


def brightness_shift(victims: Tensor, own: Tensor) -> tuple[float, float]:
    """What to add to the first of the own components so that both sides mean the same by it.

    Groups of images are asked one by one. The less they agree, the more their mean is drawn to
    zero, against how much the means of two sets of images may differ.

    Args:
        victims: ``(N, P, K)``.
        own: ``(M, P, K)`` of public images, turned into the victims' frame.

    Returns:
        the shift, and the variance of what it is wrong by.
    """
    groups = min(GROUPS, len(victims), len(own))
    found = torch.tensor(
        [
            _shift(*(_thinned(each[start::groups].flatten(0, 1)) for each in (victims, own)))
            for start in range(groups)
        ]
    )
    chance = sum(float(each[..., 0].mean(dim=1).var()) / len(each) for each in (victims, own))
    if groups == 1:
        return 0.0, chance
    error = float(found.var()) / groups + UNSEEN**2 * float(victims[..., 0].var())
    before = chance + SETS**2 * float(victims[..., 0].var())
    kept = before / max(before + error, SMALLEST)
    return float(found.mean()) * kept, kept * error


def _shift(ours: Tensor, theirs: Tensor) -> float:
    """The shift under which the curves of rows ``(n, K)`` agree best."""
    scale = float(ours[:, 0].std())
    edges = _edges(ours)
    at = _curves(ours, 0.0, edges)
    best = (float("inf"), 0.0)
    for step in torch.linspace(-REACH, REACH, STEPS).tolist():
        loss = _difference(at, _curves(theirs, step * scale, edges))
        best = min(best, (loss, step * scale))
    return best[1]


Curves = tuple[Tensor, Tensor, Tensor]
"""Means by bin ``(B, F)``, variances within bins ``(F,)``, patches by bin ``(B,)``."""


def _edges(rows: Tensor) -> Tensor:
    inner = torch.linspace(0, 1, BINS + 1, device=rows.device)[1:-1]
    return torch.quantile(_thinned(rows)[:, 0], inner)


def _means(rows: Tensor, shift: float, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Means ``(B, K)`` of rows by bin, and how many there are."""
    bins = torch.bucketize(rows[:, 0] + shift, edges)
    counts = rows.new_zeros(BINS).index_add_(0, bins, rows.new_ones(len(rows)))
    means = rows.new_zeros(BINS, rows.shape[1]).index_add_(0, bins, rows)
    return means / counts.clamp_min(1)[:, None], counts


def _curves(rows: Tensor, shift: float, edges: Tensor) -> Curves:
    bins = torch.bucketize(rows[:, 0] + shift, edges)
    energy = rows[:, 1:].square().sum(dim=1, keepdim=True).clamp_min(SMALLEST).log()
    features = torch.cat([rows[:, 1:], energy], dim=1)
    counts = rows.new_zeros(BINS).index_add_(0, bins, rows.new_ones(len(rows)))
    means = rows.new_zeros(BINS, features.shape[1]).index_add_(0, bins, features)
    means = means / counts.clamp_min(1)[:, None]
    return means, (features - means[bins]).square().mean(dim=0), counts


def _difference(first: Curves, second: Curves) -> float:
    """How far curves differ in shape, in units of what varies around them."""
    counts = first[2] * second[2] / (first[2] + second[2]).clamp_min(1)
    weights = (counts / counts.sum().clamp_min(SMALLEST))[:, None]
    apart = (first[0] - second[0]) / (first[1] + second[1]).clamp_min(SMALLEST).sqrt()
    level = (weights * apart).sum(dim=0)
    return float((weights * (apart - level).square()).sum())


def _thinned(rows: Tensor) -> Tensor:
    return rows[:: max(1, len(rows) // MOST_ROWS)].contiguous()
