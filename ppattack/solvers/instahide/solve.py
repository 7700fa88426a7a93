"""Private images from a release of mixtures, stage by stage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ppattack.solvers.instahide.assignment import PASSES, assign
from ppattack.solvers.instahide.clusters import pair_scores
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.signs import STARTS, likeliest_images
from ppattack.solvers.instahide.solution import FEWEST, Solution
from ppattack.solvers.instahide.start import spectral_start
from ppattack.solvers.instahide.statistics import PublicStatistics
from ppattack.solvers.instahide.unfolding import refine
from ppattack.training.kept import NOTHING, Kept, Tensors

if TYPE_CHECKING:
    from ppattack.context import Progress


def solve(
    release: Release,
    statistics: PublicStatistics,
    progress: Progress,
    *,
    iterations: int,
    refinements: int,
    kept: Kept = NOTHING,
) -> Solution | None:
    """Name the members of all mixtures, and reconstruct the images from them.

    Args:
        release: the mixtures.
        statistics: of the attacker's own images.
        progress: where to show it.
        iterations: over signs.
        refinements: times that mixtures are signed and their members named again.
        kept: results of stages.

    Returns:
        None if no group of mixtures was found.
    """
    device = release.values.device
    found = kept.stage("groups", lambda: _groups(release, statistics, progress), device)
    classes = found["classes"]
    if len(classes) < FEWEST:
        return None
    passes = iterations * STARTS + refinements
    with progress.task("images", passes) as task:
        steps = iter(range(1, passes + 1))

        def first() -> Tensors:
            start = spectral_start(release, found["weight"], statistics.naturals)
            made = likeliest_images(
                release,
                found["weight"],
                statistics.naturals,
                start,
                iterations,
                lambda: task.update(next(steps)),
            )
            return {"images": made, "weight": found["weight"]}

        def refined(before: Tensors) -> Tensors:
            images, weight = before["images"], before["weight"]
            better = refine(release, weight, images, classes, statistics.naturals)
            return {"images": better.images, "weight": better.members.weight}

        now = kept.stage("images", first, device)
        for number in range(1, refinements + 1):
            now = kept.stage(f"refined-{number}", partial(refined, now), device)
            task.update(passes - refinements + number)
    images = now["images"].view(-1, *release.shape)
    choice = now["weight"].argmax(dim=1)
    return Solution.of(images, classes, choice, float(found["agreement"]), images[choice])


def _groups(release: Release, statistics: PublicStatistics, progress: Progress) -> Tensors:
    """Who is in which mixture, and how far that agrees in features that did not choose it."""
    done = iter(range(1, 1 + PASSES))
    with progress.task("who is in which mixture", PASSES) as task:
        features = statistics.features(release.values)
        found = assign(features, statistics.variances, release, lambda: task.update(next(done)))
    agreement = 0.0
    if len(found.classes) >= FEWEST:
        agreement = held_out_agreement(features, statistics.variances, release)
    return {
        "weight": found.members.weight,
        "classes": found.classes,
        "agreement": torch.tensor(agreement),
    }


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
