"""Private images from a release of mixtures, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ppattack.solvers.instahide.assignment import PASSES, assign
from ppattack.solvers.instahide.clusters import pair_scores
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.signs import STARTS, likeliest_images
from ppattack.solvers.instahide.solution import FEWEST, LEAST_AGREEMENT, Solution
from ppattack.solvers.instahide.start import spectral_start
from ppattack.solvers.instahide.statistics import PublicStatistics
from ppattack.solvers.instahide.unfolding import refine

if TYPE_CHECKING:
    from ppattack.context import Progress


def solve(
    release: Release,
    statistics: PublicStatistics,
    progress: Progress,
    *,
    iterations: int,
    refinements: int,
) -> Solution | None:
    """Name the members of all mixtures, and reconstruct the images from them.

    Args:
        release: the mixtures.
        statistics: of the attacker's own images.
        progress: where to show it.
        iterations: over signs.
        refinements: times that mixtures are signed and their members named again.

    Returns:
        None if no group of mixtures was found.
    """
    naturals, done = statistics.naturals, iter(range(1, 1 + PASSES))
    with progress.task("who is in which mixture", PASSES) as task:
        features = statistics.features(release.values)
        found = assign(features, statistics.variances, release, lambda: task.update(next(done)))
    if len(found.classes) < FEWEST:
        return None
    agreement = held_out_agreement(features, statistics.variances, release)
    weight = found.members.weight
    start = spectral_start(release, weight, naturals)
    passes = iterations * STARTS + refinements
    with progress.task("images", passes) as task:
        steps = iter(range(1, passes + 1))
        images = likeliest_images(
            release, weight, naturals, start, iterations, lambda: task.update(next(steps))
        )
        members = found.members
        for _ in range(refinements):
            better = refine(release, members.weight, images, found.classes, naturals)
            images, members = better.images, better.members
            task.update(next(steps))
    shaped = images.view(-1, *release.shape)
    choice = members.weight.argmax(dim=1)
    notes = {"images found": len(found.classes), "agreement in deviations": round(agreement, 1)}
    real = agreement > LEAST_AGREEMENT
    return Solution(shaped, found.classes, choice, real, notes, shaped[choice])


def held_out_agreement(features: Tensor, variances: Tensor, release: Release) -> float:
    """How far groups found in half of the features agree in the other half, in deviations.

    The sum of the pair scores of mixtures in one group, in features that did not choose the group:
    zero on average, and of deviation one, if nothing is shared.
    """
    first = assign(features[:, ::2], variances[::2], release)
    others, spread = features[:, 1::2] - features[:, 1::2].mean(0), variances[1::2]
    total, variance = 0.0, 0.0
    for group in range(len(first.classes)):
        weight = first.members.weight[:, group]
        rows = weight > 0
        scores = pair_scores(others[rows], spread, weight[rows].square())
        total += float(scores.sum()) / 2
        variance += float(scores.square().sum()) / 2
    return total / variance**0.5 if variance else 0.0
