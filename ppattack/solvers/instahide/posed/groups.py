"""Groups of mixtures that hold one image, grown from single mixtures whatever their poses."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.instahide.clusters import far_apart
from ppattack.solvers.instahide.posed.evidence import TRUST, Evidence, Images, Seen, marginal
from ppattack.solvers.instahide.posed.placement import SHIFTS, taken_back

SEEDS_PER_IMAGE = 4
MORE_SEEDS = 4
FIRST = (12, 20)
"""Members after the first passes, in which most groups are pure."""
LATER = (0.4, 0.6, 0.7)
"""Members after further passes, as a share of those there should be."""
KEPT = 1.5
"""Times as many groups as wanted go on after the first passes."""
LIKELY = 8
"""Poses of a first mixture that its frame makes likely."""


def grow(evidence: Evidence, seen: Seen, power: Tensor, wanted: int, appearances: float) -> Images:
    """The best groups' images, at most ``wanted``.

    Which of an image's two mirrored states is the plain one nobody can know: it is that of the
    mixture from which its group was grown.

    Args:
        evidence: of the model.
        seen: of n mixtures that may hold the images.
        power: ``(n,)`` squared weights.
        wanted: groups.
        appearances: members that a group should have.
    """
    seeds = power.argsort(descending=True)[: SEEDS_PER_IMAGE * wanted + MORE_SEEDS]
    images = _from_single(evidence, seen.part(seeds), power[seeds])
    blank = marginal(evidence.of_frames(seen, power))
    chosen, worth = seeds[:, None], power[seeds]
    for size in FIRST:
        images, chosen, worth = _regrown(evidence, seen, power, blank, images, size)
    kept = far_apart(chosen, worth, len(power), int(KEPT * wanted) + 1)
    images = images.part(kept)
    for share in LATER:
        size = max(1, int(share * appearances))
        images, chosen, worth = _regrown(evidence, seen, power, blank, images, size)
    return images.part(far_apart(chosen, worth, len(power), wanted))


def _from_single(evidence: Evidence, seen: Seen, power: Tensor) -> Images:
    """What each mixture says of one image, which is not mirrored in it."""
    frames = (TRUST * evidence.of_frames(seen, power)[:, :SHIFTS]).softmax(dim=1)
    by = evidence.model.gain * power
    sums = []
    for row in range(len(power)):
        share, poses = frames[row].topk(LIKELY)
        rest = seen.values[row] - by[row] * evidence.filtered[poses]
        shaped = rest.view(-1, *evidence.model.shape)
        sums.append(taken_back(shaped, poses, by[row] * share / share.sum()))
    return evidence.images(torch.stack(sums), by.square())


def _regrown(
    evidence: Evidence, seen: Seen, power: Tensor, blank: Tensor, images: Images, size: int
) -> tuple[Images, Tensor, Tensor]:
    """Images again from their best mixtures, which these are ``(n, size)``, and their worth."""
    size = min(size, len(power))
    sums, information, chosen, worth = [], [], [], []
    for number in range(len(images.squares)):
        ratios = evidence.ratios(seen, power, images.part([number]))[:, 0]
        best = (marginal(ratios) - blank).topk(size)
        rows = best.indices
        poses, by = ratios[rows].argmax(dim=1), evidence.model.gain * power[rows]
        rest = seen.values[rows] - by[:, None] * evidence.filtered[poses]
        sums.append(taken_back(rest.view(-1, *evidence.model.shape), poses, by))
        information.append(by.square().sum())
        chosen.append(rows)
        worth.append(best.values.clamp_min(0).sum())
    made = evidence.images(torch.stack(sums), torch.stack(information))
    return made, torch.stack(chosen), torch.stack(worth)
