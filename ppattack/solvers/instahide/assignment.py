"""Which private images each mixture holds: expectation-maximisation on whitened features.

A mixture's features are the sum over its private members of λ² times the image's contribution, and
noise of variance 1. Contributions are Gaussian with known variances, so their posterior means are a
ridge regression, in closed form through the eigenvectors of the Gram matrix of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ppattack.solvers.instahide.clusters import grow
from ppattack.solvers.instahide.membership import Memberships, memberships
from ppattack.solvers.instahide.release import Release, Slots

PASSES = 5
"""Times that groups are cleared, filled up and settled."""
ITERATIONS = 5
ALIKE = 0.6
"""Cosine above which two groups of a class are one image."""
SMALL = 0.6
"""Groups with fewer of the members that they should have are no image."""
HEAVY = 1.4
"""Groups with more hold two."""


@dataclass(frozen=True)
class Assignment:
    """Groups, each of one private image.

    Args:
        members: probabilities and weights ``(E, K)``.
        classes: ``(K,)`` of the images.
        centroids: ``(K, d)`` their contributions to the features.
    """

    members: Memberships
    classes: Tensor
    centroids: Tensor


def assign(
    features: Tensor, variances: Tensor, release: Release, step: Callable[[], None] = lambda: None
) -> Assignment:
    """Find the groups and who belongs to them.

    Args:
        features: ``(E, d)`` with noise of variance 1.
        variances: ``(d,)`` of a contribution.
        release: slots and counts.
        step: called after each of :data:`PASSES` passes.
    """
    slots, appearances = release.slots, release.appearances
    wanted = images_by_class(slots, appearances, release.images)
    none = Assignment(_nobody(features), slots.classes.new_zeros(0), features[:0])
    found = _filled(none, features, variances, slots, wanted, appearances)
    for number in range(PASSES):
        found = settle(found, features, variances, slots)
        kept = _kept(found, appearances)
        full = len(kept) == sum(wanted.values())
        step()
        if number and bool(kept.all()) and full:
            break
        if not bool(kept.all()):
            found = settle(_only(found, kept), features, variances, slots)
        found = _filled(found, features, variances, slots, wanted, appearances)
    return settle(found, features, variances, slots)


def images_by_class(slots: Slots, appearances: float, images: int) -> dict[int, int]:
    """How many private images each class has: every image fills as many slots."""
    labels, counts = slots.classes.unique(return_counts=True)
    if len(labels) == 1:
        return {int(labels[0]): images}
    shares = zip(labels.tolist(), counts.tolist(), strict=True)
    return {label: max(1, round(count / appearances)) for label, count in shares}


def settle(
    start: Assignment,
    features: Tensor,
    variances: Tensor,
    slots: Slots,
    iterations: int = ITERATIONS,
) -> Assignment:
    """Expectation-maximisation from some centroids."""
    centroids, members, spread = start.centroids, start.members, torch.zeros(())
    if not len(centroids):
        return start
    for _ in range(iterations):
        gram = centroids @ centroids.T
        gram = gram + torch.diag(spread.expand(len(gram)).to(gram))
        products = features @ centroids.T
        members = memberships(products, gram, slots, start.classes, power=2)
        centroids, spread = posterior(features, _powers(members), variances)
    return Assignment(members, start.classes, centroids)


def posterior(features: Tensor, design: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Posterior means ``(K, d)`` of contributions, and the sums ``(K,)`` of their variances.

    Args:
        features: ``(E, d)``.
        design: ``(E, K)``, what each contribution is multiplied by.
        variances: ``(d,)`` before anything is seen.
    """
    values, vectors = torch.linalg.eigh(design.T @ design)
    shrunk = values.clamp_min(0)[:, None] + 1 / variances
    means = vectors @ ((vectors.T @ (design.T @ features)) / shrunk)
    return means, (vectors.square() @ (1 / shrunk)).sum(dim=1)


def _powers(members: Memberships) -> Tensor:
    """Expected λ² of every image in every mixture."""
    probability = members.probability.clamp_min(torch.finfo(torch.float32).tiny)
    return members.weight.square() / probability


def _nobody(features: Tensor) -> Memberships:
    none = features.new_zeros((len(features), 0))
    return Memberships(none, none)


def _only(found: Assignment, kept: Tensor) -> Assignment:
    members = Memberships(found.members.probability[:, kept], found.members.weight[:, kept])
    return Assignment(members, found.classes[kept], found.centroids[kept])


def _kept(found: Assignment, appearances: float) -> Tensor:
    """Groups that are no copies of earlier ones and not too small."""
    directions = normalize(found.centroids, dim=1)
    alike = (directions @ directions.T).triu(1) > ALIKE
    alike &= found.classes[:, None] == found.classes
    small = found.members.probability.sum(0) < SMALL * appearances
    return ~(alike.any(0) | small)


def _filled(
    found: Assignment,
    features: Tensor,
    variances: Tensor,
    slots: Slots,
    wanted: dict[int, int],
    appearances: float,
) -> Assignment:
    """Split groups that hold two images, then grow new ones from what is left unexplained."""
    powers = _powers(found.members)
    rest = features - powers @ found.centroids
    mass = found.members.probability.sum(0)
    split = torch.zeros(len(found.classes), dtype=torch.bool, device=features.device)
    centroids, classes = [], []
    for label, count in wanted.items():
        mine = (found.classes == label).nonzero().flatten()
        missing = count - len(mine)
        for group in mine[mass[mine].argsort(descending=True)].tolist():
            if missing < 1 or mass[group] < HEAVY * appearances:
                break
            rows = found.members.probability[:, group] > 0.5
            own = rest[rows] + powers[rows, group, None] * found.centroids[group]
            parts = max(2, min(missing + 1, round(float(mass[group]) / appearances)))
            made = grow(own, power_at(slots, label)[rows], variances, parts, appearances)
            if len(made) > 1:
                split[group] = True
                centroids.append(made)
                classes += [label] * len(made)
                missing -= len(made) - 1
        if missing > 0:
            power = power_at(slots, label)
            rows = power > 0
            made = grow(rest[rows], power[rows], variances, missing, appearances)
            centroids.append(made)
            classes += [label] * len(made)
    old = _only(found, ~split)
    return Assignment(
        old.members,
        torch.cat([old.classes, slots.classes.new_tensor(classes)]),
        torch.cat([old.centroids, *centroids]),
    )


def power_at(slots: Slots, label: int) -> Tensor:
    """``(E,)``: the squared weight of the heaviest slot of a class; zero without one."""
    mine = torch.where(slots.classes == label, slots.weight, 0.0)
    return mine.amax(dim=1).square()
