"""Private images from a release of mixtures of cropped and mirrored images, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ppattack.solvers.instahide.assignment import PASSES
from ppattack.solvers.instahide.posed.assignment import assign
from ppattack.solvers.instahide.posed.evidence import Evidence
from ppattack.solvers.instahide.posed.images import PosedMixtures, sign_posed_images
from ppattack.solvers.instahide.posed.naming import refine
from ppattack.solvers.instahide.posed.placement import Placement, taken_back
from ppattack.solvers.instahide.posed.statistics import PosedStatistics
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.solution import FEWEST, LEAST_AGREEMENT, Solution

if TYPE_CHECKING:
    from ppattack.context import Progress

ITERATIONS = 2
"""Times as many as there are turns in a case without poses: this one has a single turn."""


def solve_posed(
    release: Release,
    statistics: PosedStatistics,
    progress: Progress,
    *,
    iterations: int,
    refinements: int,
) -> Solution | None:
    """Name the members of all mixtures and their poses, and reconstruct the images from them.

    The same as :func:`solve`, with the decryption of a mixture in the pose of its member.
    """
    evidence, done = Evidence(statistics), iter(range(1, 1 + PASSES))
    values = statistics.seen(release.values)
    with progress.task("who is in which mixture", PASSES) as task:
        found = assign(evidence, values, release, lambda: task.update(next(done)))
    if found is None or len(found.classes) < FEWEST:
        return None
    agreement = held_out_agreement(statistics, values, release)
    count, turns = len(found.classes), ITERATIONS * iterations
    naming = found.naming
    placement = naming.placement(release.slots.weight, count)
    with progress.task("images", turns + refinements) as task:
        steps = iter(range(1, turns + refinements + 1))
        mixtures = PosedMixtures(release, placement, statistics)
        images = sign_posed_images(mixtures, turns, lambda: task.update(next(steps)))
        for _ in range(refinements):
            images, naming, placement = refine(mixtures, naming, images, found.classes)
            mixtures = PosedMixtures(release, placement, statistics)
            task.update(next(steps))
    best = placement.weights.argmax(dim=1)
    rows = torch.arange(len(best))
    chosen = Placement(
        placement.members[rows, best][:, None],
        torch.ones((len(best), 1)),
        placement.poses[rows, best][:, None],
        count,
    )
    shaped = images.view(-1, *release.shape)
    shown = chosen.placed(shaped - statistics.black).view(-1, *release.shape) + statistics.black
    notes = {"images found": count, "agreement in deviations": round(agreement, 1)}
    return Solution(
        shaped,
        found.classes,
        chosen.members[:, 0],
        agreement > LEAST_AGREEMENT,
        notes,
        shown,
    )


def held_out_agreement(statistics: PosedStatistics, values: Tensor, release: Release) -> float:
    """How far groups found in half of the coordinates agree in the other half, in deviations.

    The sum of the products of members of one group, each taken back from its pose, in coordinates
    that did not choose them: zero on average, and of deviation one, if nothing is shared.
    """
    first = assign(Evidence(statistics.half(0)), values, release)
    if first is None:
        return 0.0
    other = Evidence(statistics.half(1))
    naming, power = first.naming, release.slots.weight.square()
    basis, spread = other.model.basis, other.model.variances
    slot = naming.probability.mul(power).argmax(dim=1)
    rows = torch.arange(len(slot))
    poses, members = naming.poses[rows, slot], naming.members[rows, slot]
    by = other.model.gain * naming.probability[rows, slot] * power[rows, slot]
    rest = (values - by[:, None] * other.filtered[poses]).view(-1, *statistics.shape)
    one = torch.ones(1)
    back = torch.stack([taken_back(rest[i : i + 1], poses[i : i + 1], one) for i in rows.tolist()])
    features = back @ basis
    features = features - features.mean(0)
    total, variance = 0.0, 0.0
    for group in range(len(first.classes)):
        mine = members == group
        weighted = features[mine] * by[mine, None]
        scores = ((weighted * spread) @ weighted.T).fill_diagonal_(0)
        total += float(scores.sum()) / 2
        variance += float(scores.square().sum()) / 2
    return total / variance**0.5 if variance else 0.0
