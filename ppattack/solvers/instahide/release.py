"""What an attacker of mixtures holds: absolute values, and what is public of their making."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ppattack.target.mixing import MixingLaw, draw_weights

LAW_SAMPLES = 4000
"""Mixtures whose weights are drawn to know their means."""


@dataclass(frozen=True)
class Release:
    """Encodings and what everybody knows of them.

    Args:
        values: ``(E, C H W)`` float32, absolute: signs say nothing.
        shape: ``(C, H, W)``.
        slots: of the private members.
        total: ``(E,)`` sum of the private weights.
        images: private images, K.
        rounds: T, how often each image comes first.
        public_squares: Σ λ² over (Σ λ)² of the public members, on average.
    """

    values: Tensor
    shape: tuple[int, int, int]
    slots: Slots
    total: Tensor
    images: int
    rounds: float
    public_squares: float

    @property
    def appearances(self) -> float:
        """How many members of all mixtures each private image is."""
        return self.rounds * self.slots.weight.shape[1]

    @property
    def public_scale(self) -> Tensor:
        """``(E,)``: what the variance of public images is multiplied by in each mixture."""
        return self.public_squares * (1 - self.total).square()

    def on_cpu(self) -> Release:
        """The same where all machines have memory."""
        slots = Slots(self.slots.classes.cpu(), self.slots.weight.cpu())
        return replace(self, values=self.values.cpu(), slots=slots, total=self.total.cpu())


@dataclass(frozen=True)
class Slots:
    """Members to name: for each mixture the class and the weight of each.

    Args:
        classes: ``(E, M)`` int64; 0 for all if there are no labels.
        weight: ``(E, M)`` float32.
    """

    classes: Tensor
    weight: Tensor


def make_release(encodings: Tensor, law: MixingLaw, images: int, labels: Tensor | None) -> Release:
    """What follows from encodings, the public law and, if they are known, soft labels.

    Args:
        encodings: ``(E, C, H, W)`` float32.
        law: of the mixtures.
        images: private images, K.
        labels: ``(E, classes)``, private weights at their classes; None if they are not known.
    """
    import numpy as np

    count, (channels, height, width) = len(encodings), encodings.shape[1:]
    weights = draw_weights(law, LAW_SAMPLES, np.random.default_rng(0))
    public = weights[:, law.private :]
    squares = 0.0
    if public.shape[1]:
        squares = float(((public**2).sum(1) / public.sum(1) ** 2).mean())
    if labels is None:
        mean = float(weights[:, : law.private].sum(1).mean())
        labels = torch.full((count, 1), mean)
    labels = labels.float().to(encodings.device)
    return Release(
        values=encodings.flatten(1).abs(),
        shape=(channels, height, width),
        slots=name_slots(labels, law.private),
        total=labels.sum(1).clamp(max=1.0),
        images=images,
        rounds=count / images,
        public_squares=squares,
    )


def name_slots(labels: Tensor, members: int) -> Slots:
    """One slot for each private member: classes that are named, the heaviest again if too few.

    A class that has several slots shares its weight among them equally.

    Args:
        labels: ``(E, classes)`` sums of private weights.
        members: private members of a mixture, M.
    """
    weight, classes = labels.topk(min(members, labels.shape[1]), dim=1)
    missing = members - weight.shape[1]
    if missing:
        weight = torch.cat([weight, weight.new_zeros(len(weight), missing)], 1)
        classes = torch.cat([classes, classes.new_zeros(len(classes), missing)], 1)
    empty = weight <= 0
    classes = torch.where(empty, classes[:, :1], classes)
    shares = 1 + empty.sum(1, keepdim=True)
    heaviest = weight[:, :1] / shares
    first = torch.zeros_like(empty)
    first[:, 0] = True
    return Slots(classes, torch.where(empty | first, heaviest, weight))
