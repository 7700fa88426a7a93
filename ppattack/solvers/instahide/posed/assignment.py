"""Which private images each mixture holds, and in which poses: expectation-maximisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.instahide.assignment import (
    ALIKE,
    HEAVY,
    PASSES,
    SMALL,
    images_by_class,
    power_at,
)
from ppattack.solvers.instahide.membership import LEAST_FREE, NEVER
from ppattack.solvers.instahide.posed.evidence import TRUST, Evidence, Images, Seen
from ppattack.solvers.instahide.posed.groups import grow
from ppattack.solvers.instahide.posed.placement import Placement
from ppattack.solvers.instahide.release import Release, Slots

ITERATIONS = 3
AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""


@dataclass(frozen=True)
class Naming:
    """The likeliest image in every slot.

    Args:
        members: ``(E, M)`` int64 images.
        poses: ``(E, M)`` int64 their poses.
        probability: ``(E, M)`` of the image.
    """

    members: Tensor
    poses: Tensor
    probability: Tensor

    def slot(self, slot: int) -> Naming:
        """One slot, with columns kept."""
        one = slice(slot, slot + 1)
        return Naming(self.members[:, one], self.poses[:, one], self.probability[:, one])

    @classmethod
    def joined(cls, slots: list[Naming]) -> Naming:
        """All slots of several."""
        return cls(
            torch.cat([each.members for each in slots], dim=1),
            torch.cat([each.poses for each in slots], dim=1),
            torch.cat([each.probability for each in slots], dim=1),
        )

    def placement(self, weights: Tensor, images: int) -> Placement:
        """Where every image is, by weights ``(E, M)`` times probability."""
        return Placement(self.members, weights * self.probability, self.poses, images)


@dataclass(frozen=True)
class PosedGroups:
    """Groups, each of one private image.

    Args:
        images: of the groups.
        classes: ``(K,)`` of the images.
        naming: who is where.
    """

    images: Images
    classes: Tensor
    naming: Naming

    def mass(self) -> Tensor:
        """``(K,)``: members of each group."""
        size = self.naming.probability.new_zeros(len(self.classes))
        return size.index_add_(0, self.naming.members.flatten(), self.naming.probability.flatten())


def assign(
    evidence: Evidence, values: Tensor, release: Release, step: Callable[[], None] = lambda: None
) -> PosedGroups | None:
    """Find the groups and who belongs to them; None if there are none.

    Args:
        evidence: of the model.
        values: ``(E, D)`` from :meth:`PosedStatistics.seen`.
        release: slots and counts.
        step: called after each of :data:`PASSES` passes.
    """
    slots, appearances = release.slots, release.appearances
    wanted = images_by_class(slots, appearances, release.images)
    images, classes = _grown(evidence, evidence.seen(values), slots, wanted, appearances)
    if not len(classes):
        return None
    for _ in range(PASSES):
        found = settle(evidence, values, slots, images, classes)
        kept = ~(_copies(evidence, found) | (found.mass() < SMALL * appearances))
        step()
        missing = sum(wanted.values()) - int(kept.sum())
        if bool(kept.all()) and not missing:
            break
        images, classes = _filled(evidence, values, slots, found, kept, wanted, appearances)
    return settle(evidence, values, slots, images, classes)


def settle(
    evidence: Evidence, values: Tensor, slots: Slots, images: Images, classes: Tensor
) -> PosedGroups:
    """Expectation-maximisation from some images: members by poses, then images by members."""
    power = slots.weight.square()
    added = [torch.zeros_like(values) for _ in range(power.shape[1])]
    names: list[Naming | None] = [None] * power.shape[1]
    for _ in range(ITERATIONS):
        for slot in range(power.shape[1]):
            rest = values - _others(added, slot)
            taken = [each for i, each in enumerate(names) if each is not None and i != slot]
            named = _named(evidence, evidence.seen(rest), slots, slot, images, classes, taken)
            names[slot] = named
            added[slot] = _contribution(evidence, named, power[:, slot], images)
        images = _images(evidence, values, power, names, added, len(classes))
    naming = Naming.joined([each for each in names if each is not None])
    return PosedGroups(images, classes, naming)


def _others(added: list[Tensor], slot: int) -> Tensor:
    total = torch.zeros_like(added[0])
    for other, each in enumerate(added):
        if other != slot:
            total += each
    return total


def _named(
    evidence: Evidence,
    seen: Seen,
    slots: Slots,
    slot: int,
    images: Images,
    classes: Tensor,
    taken: list[Naming],
) -> Naming:
    """The likeliest image of one slot of every mixture, and its pose."""
    power = slots.weight[:, slot].square()

    def ratios(rows: Tensor, image: int) -> Tensor:
        return evidence.ratios(seen.part(rows), power[rows], images.part([image]))[:, 0]

    return named(slots.classes[:, slot], classes, ratios, taken)


def named(
    wanted: Tensor,
    classes: Tensor,
    ratios: Callable[[Tensor, int], Tensor],
    taken: list[Naming],
    trust: float = TRUST,
) -> Naming:
    """The likeliest image of a class in every mixture, and its pose.

    Args:
        wanted: ``(E,)`` the class of each mixture's slot.
        classes: ``(K,)`` of the images.
        ratios: gives ``(n, POSES)`` log-likelihood ratios of an image in some mixtures.
        taken: what other slots hold, ``(E, 1)`` each: no image is in two.
        trust: share of the ratios by which they count.
    """
    count, each = len(wanted), torch.arange(len(wanted))
    logits = torch.full((count, len(classes)), NEVER)
    poses = torch.zeros((count, len(classes)), dtype=torch.int64)
    for image in range(len(classes)):
        rows = (wanted == classes[image]).nonzero().flatten()
        for part in rows.split(AT_ONCE):
            found = ratios(part, image)
            logits[part, image] = torch.logsumexp(trust * found, dim=1)
            poses[part, image] = found.argmax(dim=1)
    for other in taken:
        held = other.members[:, 0]
        free = (1 - other.probability[:, 0]).clamp_min(LEAST_FREE).log()
        logits[each, held] += free
    possible = (wanted[:, None] == classes).any(dim=1)
    probability, members = logits.softmax(dim=1).max(dim=1)
    probability = torch.where(possible, probability, 0.0)
    return Naming(members[:, None], poses[each, members][:, None], probability[:, None])


def _contribution(evidence: Evidence, named: Naming, power: Tensor, images: Images) -> Tensor:
    """``(E, D)``: what the member of one slot adds to what mixtures show."""
    model = evidence.model
    placement = named.placement(model.gain * power[:, None], len(images.squares))
    placed = placement.placed(images.squares.view(-1, *model.shape))
    return placed @ model.precision + placement.weights * evidence.filtered[named.poses[:, 0]]


def _images(
    evidence: Evidence,
    values: Tensor,
    power: Tensor,
    names: list[Naming | None],
    added: list[Tensor],
    count: int,
) -> Images:
    """The images from what their members show beyond the other members and frames."""
    shape = evidence.model.shape
    sums, information = torch.zeros((count, *shape)), torch.zeros(count)
    for slot, named in enumerate(names):
        if named is None:
            continue
        by = evidence.model.gain * power[:, slot]
        frames = evidence.filtered[named.poses[:, 0]]
        rest = values - _others(added, slot) - by[:, None] * frames
        placement = named.placement(by[:, None], count)
        sums += placement.gathered(rest.view(-1, *shape))
        information.index_add_(0, named.members[:, 0], named.probability[:, 0] * by.square())
    return evidence.images(sums.flatten(1), information)


def _copies(evidence: Evidence, found: PosedGroups) -> Tensor:
    """``(K,)``: whether a group is like an earlier one of its class, mirrored or not."""
    model = evidence.model
    squares = found.images.squares
    mirrored = squares.view(-1, *model.shape).flip(3).flatten(1)
    pulled = squares @ model.precision
    size = (pulled * squares).sum(1).clamp_min(LEAST_FREE).sqrt()
    cosines = torch.maximum(pulled @ squares.T, pulled @ mirrored.T) / (size[:, None] * size)
    alike = (cosines > ALIKE).triu(1) & (found.classes[:, None] == found.classes)
    return alike.any(0)


def _grown(
    evidence: Evidence, seen: Seen, slots: Slots, wanted: dict[int, int], appearances: float
) -> tuple[Images, Tensor]:
    """Groups of every class from all mixtures that name it."""
    parts, classes = [], list[int]()
    for label, count in wanted.items():
        power = power_at(slots, label)
        rows = (power > 0).nonzero().flatten()
        made = grow(evidence, seen.part(rows), power[rows], count, appearances)
        parts.append(made)
        classes += [label] * len(made.squares)
    return Images.joined(parts), slots.classes.new_tensor(classes)


def _filled(
    evidence: Evidence,
    values: Tensor,
    slots: Slots,
    found: PosedGroups,
    kept: Tensor,
    wanted: dict[int, int],
    appearances: float,
) -> tuple[Images, Tensor]:
    """Split groups that hold two images, then grow new ones from what is left unexplained."""
    naming, power = found.naming, slots.weight.square()
    explained = [
        _contribution(evidence, naming.slot(slot), power[:, slot], found.images)
        for slot in range(power.shape[1])
    ]
    rest, mass = values - torch.stack(explained).sum(0), found.mass()
    kept, parts, classes = kept.clone(), [], list[int]()
    for label, count in wanted.items():
        mine = ((found.classes == label) & kept).nonzero().flatten()
        missing = count - len(mine)
        for group in mine[mass[mine].argsort(descending=True)].tolist():
            if missing < 1 or mass[group] < HEAVY * appearances:
                break
            row, slot = (naming.members == group).nonzero().T
            own = rest[row] + torch.stack(explained)[slot, row]
            share = max(2, min(missing + 1, round(float(mass[group]) / appearances)))
            made = grow(evidence, evidence.seen(own), power[row, slot], share, appearances)
            if len(made.squares) > 1:
                kept[group] = False
                parts.append(made)
                classes += [label] * len(made.squares)
                missing -= len(made.squares) - 1
        if missing > 0:
            here = power_at(slots, label)
            rows = (here > 0).nonzero().flatten()
            made = grow(evidence, evidence.seen(rest[rows]), here[rows], missing, appearances)
            parts.append(made)
            classes += [label] * len(made.squares)
    old = found.images.part(kept)
    return (
        Images.joined([old, *parts]),
        torch.cat([found.classes[kept], slots.classes.new_tensor(classes)]),
    )
