"""Private images from a release of mixtures of cropped and mirrored images, stage by stage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ppattack.solvers.instahide.assignment import PASSES
from ppattack.solvers.instahide.posed.assignment import Naming, assign
from ppattack.solvers.instahide.posed.evidence import Evidence
from ppattack.solvers.instahide.posed.images import PosedMixtures, sign_posed_images
from ppattack.solvers.instahide.posed.naming import refine
from ppattack.solvers.instahide.posed.placement import Placement, taken_back
from ppattack.solvers.instahide.posed.statistics import PosedStatistics
from ppattack.solvers.instahide.release import Release
from ppattack.solvers.instahide.solution import FEWEST, Solution
from ppattack.training.kept import NOTHING, Kept, Tensors

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
    kept: Kept = NOTHING,
) -> Solution | None:
    """Name the members of all mixtures and their poses, and reconstruct the images from them.

    The same as :func:`solve`, with the decryption of a mixture in the pose of its member.
    """
    release, cpu = release.on_cpu(), torch.device("cpu")
    found = kept.stage("groups", lambda: _groups(release, statistics, progress), cpu)
    classes = found["classes"]
    if len(classes) < FEWEST:
        return None
    turns = ITERATIONS * iterations
    with progress.task("images", turns + refinements) as task:
        steps = iter(range(1, turns + 1))

        def first() -> Tensors:
            mixtures = PosedMixtures(release, _placement(found, classes), statistics)
            made = sign_posed_images(mixtures, turns, lambda: task.update(next(steps)))
            return {**found, "images": made}

        def refined(before: Tensors) -> Tensors:
            mixtures = PosedMixtures(release, _placement(before, classes), statistics)
            naming = Naming(before["members"], before["poses"], before["probability"])
            made, naming, placement = refine(mixtures, naming, before["images"], classes)
            return {**_as_tensors(naming, placement.weights), "images": made}

        now = kept.stage("images", first, cpu)
        for number in range(1, refinements + 1):
            now = kept.stage(f"refined-{number}", partial(refined, now), cpu)
            task.update(turns + number)
    images = now["images"].view(-1, *release.shape)
    shown = _placement(now, classes).heaviest()
    decryptions = shown.placed(images - statistics.black).view(-1, *release.shape)
    return Solution.of(
        images,
        classes,
        shown.members[:, 0],
        float(found["agreement"]),
        decryptions + statistics.black,
    )


def _groups(release: Release, statistics: PosedStatistics, progress: Progress) -> Tensors:
    """Who is where, and how far that agrees in coordinates that did not choose it."""
    done, values = iter(range(1, 1 + PASSES)), statistics.seen(release.values)
    with progress.task("who is in which mixture", PASSES) as task:
        evidence = Evidence(statistics)
        found = assign(evidence, values, release, lambda: task.update(next(done)))
    if found is None:
        return {"classes": torch.zeros(0, dtype=torch.int64)}
    naming = found.naming
    return {
        **_as_tensors(naming, release.slots.weight * naming.probability),
        "classes": found.classes,
        "agreement": torch.tensor(held_out_agreement(statistics, values, release)),
    }


def _as_tensors(naming: Naming, weights: Tensor) -> Tensors:
    return {
        "members": naming.members,
        "poses": naming.poses,
        "probability": naming.probability,
        "weights": weights,
    }


def _placement(stage: Tensors, classes: Tensor) -> Placement:
    return Placement(stage["members"], stage["weights"], stage["poses"], len(classes))


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
