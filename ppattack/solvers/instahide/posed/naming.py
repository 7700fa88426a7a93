"""Members and poses again, by mixtures whose signs are settled."""

from __future__ import annotations

from collections.abc import Callable

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

AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""
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
    bright = (images - mixtures.black).view(-1, *model.shape)
    likely = _Likely(mixtures, bright)
    names = [naming.slot(slot) for slot in range(slots.weight.shape[1])]
    for slot in range(len(names)):
        rest = signed - model.cropped.mean
        for other, each in enumerate(names):
            if other != slot:
                placement = each.placement(slots.weight[:, other, None], len(images))
                frame = placement.weights * (mixtures.black - model.cropped.mean)
                rest = rest - placement.placed(bright) - frame
        ratios = likely.of(rest, slots.weight[:, slot])
        taken = [each for other, each in enumerate(names) if other != slot]
        names[slot] = named(slots.classes[:, slot], classes, ratios, taken, trust=1.0)
    return Naming.joined(names)


class _Likely:
    """Log-likelihood ratios of images in poses, from signed values of mixtures.

    Args:
        mixtures: their law and what is known of images.
        bright: ``(K, C, H, W)`` images counted from black.
    """

    def __init__(self, mixtures: PosedMixtures, bright: Tensor) -> None:
        prior = mixtures.model.cropped
        self.bright, self.prior = bright, prior
        self.weights = 1 / (prior.spectrum + WHITE * prior.level)
        self.frame = mixtures.black - prior.mean
        self.precision = TRUST / (mixtures.release.public_scale + 2 * REST)
        root = self.weights.sqrt()
        sizes = []
        for image in bright:
            placed = in_all_poses(image[None])[0] + self.frame
            sizes.append((prior.coordinates(placed) * root).square().sum(1))
        self.sizes = torch.stack(sizes)  # (K, POSES)

    def of(self, rest: Tensor, weight: Tensor) -> Callable[[Tensor, int], Tensor]:
        """``(n, POSES)`` of some mixtures and one image.

        Args:
            rest: ``(E, D)`` signed, less the mean image and what else is known.
            weight: ``(E,)`` of the member.
        """
        seen = whitened(rest, self.prior, self.weights)
        waves = waves_of(seen.view(-1, *self.bright.shape[1:]))
        constant = seen @ self.frame

        def ratios(rows: Tensor, image: int) -> Tensor:
            found = products_in_poses(waves[rows], self.bright[image][None])[:, 0]
            by = weight[rows, None]
            gain = by * (found + constant[rows, None]) - 0.5 * by.square() * self.sizes[image]
            return gain * self.precision[rows, None]

        return ratios


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
