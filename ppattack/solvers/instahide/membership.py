"""Which image is in which slot of a mixture, if all images' contributions are known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.instahide.release import Slots

SWEEPS = 3
"""Passes over the slots of a mixture, each given what the others hold."""
NEVER = -1e30
LEAST_FREE = 1e-9
"""Probability, at least, that an image is not in the other slots."""


@dataclass(frozen=True)
class Memberships:
    """Who is in which mixture.

    Args:
        probability: ``(E, K)`` that an image is in a mixture.
        weight: ``(E, K)`` its expected weight there.
    """

    probability: Tensor
    weight: Tensor


def memberships(
    products: Tensor,
    gram: Tensor,
    slots: Slots,
    classes: Tensor,
    *,
    power: int,
    precision: Tensor | None = None,
) -> Memberships:
    """Mean-field probabilities that each slot holds each image of its class.

    A mixture x is modelled as the sum over its slots of λ^power times the contribution c of the
    slot's image, under unit noise. No image is in two slots.

    Args:
        products: ``(E, K)`` inner products of x and c.
        gram: ``(K, K)`` inner products of the contributions.
        slots: classes and weights λ.
        classes: ``(K,)`` of the images.
        power: of λ.
        precision: ``(E,)`` of the noise of each mixture; one if None.
    """
    weight = slots.weight**power
    count, members = weight.shape
    allowed = slots.classes[:, :, None] == classes
    held = products.new_zeros((count, members, len(classes)))
    sizes = gram.diagonal()
    for _ in range(SWEEPS):
        for slot in range(members):
            others = [other for other in range(members) if other != slot]
            rest = (weight[:, others, None] * held[:, others]).sum(1)
            mine = weight[:, slot, None]
            logits = mine * (products - rest @ gram) - 0.5 * mine.square() * sizes
            if precision is not None:
                logits = logits * precision[:, None]
            free = (1 - held[:, others]).clamp_min(LEAST_FREE).prod(dim=1)
            logits = (logits + free.log()).masked_fill(~allowed[:, slot], NEVER)
            held[:, slot] = logits.softmax(dim=1) * allowed[:, slot].any(1, keepdim=True)
    expected = (held * slots.weight[:, :, None]).sum(1)
    return Memberships(held.sum(1).clamp(max=1), expected)


def split_weights(
    products: Tensor, gram: Tensor, slots: Slots, members: Memberships
) -> Memberships:
    """Share the weight of two slots of one class between its two images, by least squares.

    Labels name the sum of the weights only. Mixtures of other than two slots stay as they are.

    Args:
        products: ``(E, K)`` inner products of mixtures and images.
        gram: ``(K, K)`` of images.
        slots: classes and weights.
        members: who is in which mixture.
    """
    if slots.weight.shape[1] != PAIR or len(gram) < PAIR:
        return members
    total = slots.weight.sum(dim=1)
    first, second = members.probability.topk(PAIR, dim=1).indices.T
    rows = torch.arange(len(total), device=total.device)
    size = gram[first, first] + gram[second, second] - 2 * gram[first, second]
    along = products[rows, first] - products[rows, second]
    along = along - total * (gram[second, first] - gram[second, second])
    share = (along / size.clamp_min(LEAST_FREE)).clamp_min(0).minimum(total)
    weight = torch.zeros_like(members.weight)
    weight[rows, first] = share * members.probability[rows, first]
    weight[rows, second] = (total - share) * members.probability[rows, second]
    same = slots.classes[:, 0] == slots.classes[:, 1]
    return Memberships(members.probability, torch.where(same[:, None], weight, members.weight))


PAIR = 2
