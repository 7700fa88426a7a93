"""Members and poses again, by mixtures whose signs are settled."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.instahide.posed.assignment import Naming, named
from ppattack.solvers.instahide.posed.images import (
    PosedMixtures,
    images_of_signed,
    whitened,
)
from ppattack.solvers.instahide.posed.placement import (
    Placement,
    in_all_poses,
    products_in_poses,
    waves_of,
)
from ppattack.solvers.instahide.signs import REST
from ppattack.solvers.instahide.unfolding import TRUST, WHITE, unfold

AT_ONCE = 250
"""Mixtures worked on at a time."""
PAIR = 2


def refine(
    mixtures: PosedMixtures, naming: Naming, images: Tensor, classes: Tensor
) -> tuple[Tensor, Naming, Placement]:
    """Sign all mixtures, name their members again, and solve for the images again.

    Args:
        mixtures: with their members.
        naming: who was where.
        images: ``(K, D)`` signed.
        classes: ``(K,)`` of the images.

    Returns:
        better images, who is where, and with which weights.
    """
    expected, release = mixtures.expected(images), mixtures.release
    signed = torch.cat(
        [
            unfold(
                release.values[rows],
                expected[rows],
                release.public_scale[rows] + REST,
                mixtures.model.cropped,
            )
            for rows in torch.arange(len(expected)).split(AT_ONCE)
        ]
    )
    naming = _named_again(mixtures, signed, naming, images, classes)
    placement = _with_split_weights(mixtures, signed, naming, images)
    better = PosedMixtures(release, placement, mixtures.model)
    return images_of_signed(better, signed, images), naming, placement


def _named_again(
    mixtures: PosedMixtures, signed: Tensor, naming: Naming, images: Tensor, classes: Tensor
) -> Naming:
    """The likeliest image of every slot and its pose, given what the other slots hold."""
    model, slots = mixtures.model, mixtures.release.slots
    prior, shape = model.cropped, model.shape
    weights = 1 / (prior.spectrum + WHITE * prior.level)
    root = weights.sqrt()
    bright = (images - mixtures.black).view(-1, *shape)
    sizes = torch.stack(
        [
            (prior.coordinates(in_all_poses(image[None])[0] + mixtures.black - prior.mean) * root)
            .square()
            .sum(1)
            for image in bright
        ]
    )  # (K, POSES)
    precision = TRUST / (mixtures.release.public_scale + 2 * REST)
    names = [_one(naming, slot) for slot in range(slots.weight.shape[1])]
    for slot in range(len(names)):
        held = slots.weight[:, slot]
        others = torch.zeros_like(signed)
        for other, each in enumerate(names):
            if other != slot:
                weight = slots.weight[:, other, None] * each.probability
                placed = each.placement(slots.weight[:, other, None], len(images)).placed(bright)
                others += placed + weight * (mixtures.black - prior.mean)
        seen = whitened(signed - prior.mean - others, prior, weights)
        waves = waves_of(seen.view(-1, *shape))
        constant = seen @ (mixtures.black - prior.mean)

        def ratios(rows: Tensor, image: int) -> Tensor:
            found = products_in_poses(waves[rows], bright[image][None])[:, 0]
            by = held[rows, None]
            gain = by * (found + constant[rows, None]) - 0.5 * by.square() * sizes[image]
            return gain * precision[rows, None]

        taken = [each for other, each in enumerate(names) if other != slot]
        names[slot] = named(slots.classes[:, slot], classes, ratios, taken, trust=1.0)
    return Naming(
        torch.cat([each.members for each in names], dim=1),
        torch.cat([each.poses for each in names], dim=1),
        torch.cat([each.probability for each in names], dim=1),
    )


def _one(naming: Naming, slot: int) -> Naming:
    one = slice(slot, slot + 1)
    return Naming(naming.members[:, one], naming.poses[:, one], naming.probability[:, one])


def _with_split_weights(
    mixtures: PosedMixtures, signed: Tensor, naming: Naming, images: Tensor
) -> Placement:
    """Weights of members; two slots of one class share theirs by least squares.

    Labels name the sum of these only. Mixtures of other than two slots keep their weights.
    """
    slots, prior = mixtures.release.slots, mixtures.model.cropped
    placement = naming.placement(slots.weight, len(images))
    same = slots.classes[:, 0] == slots.classes[:, -1]
    rows = same.nonzero().flatten()
    if slots.weight.shape[1] != PAIR or not len(rows):
        return placement
    part, bright = placement.part(rows), (images - mixtures.black).view(-1, *mixtures.model.shape)
    ones = torch.ones(len(rows))
    first, second = (part.member(slot, ones).placed(bright) for slot in range(PAIR))
    total = slots.weight[rows].sum(dim=1)
    weights = 1 / (prior.spectrum + WHITE * prior.level)
    apart = whitened(first - second, prior, weights)
    fixed = total[:, None] * (second + mixtures.black) + (1 - total)[:, None] * prior.mean
    share = ((signed[rows] - fixed) * apart).sum(1) / (
        ((first - second) * apart).sum(1).clamp_min(REST)
    )
    share = share.clamp_min(0).minimum(total)
    shared = slots.weight.clone()
    shared[rows] = torch.stack([share, total - share], dim=1)
    return naming.placement(shared, len(images))
