"""How a network is trained: optimiser, learning rates, and how long."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from ppattack.training.optimisers import uncompiled

WARM_UP_SHARE = 0.25
"""The share of a one-cycle schedule in which the rate rises."""
TRIANGLE = ((0.0, 0.0), (0.4, 1.0), (0.8, 0.05), (1.0, 0.0))
"""Corners of a triangular schedule: share of the epochs, share of the peak."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        epochs: passes over the data.
        batch_size: examples per step at most; the batches of an epoch are of equal size.
        optimizer: ``"sgd"``, ``"adam"`` or ``"adamw"``.
        learning_rate: at the start, or at the peak of a one-cycle schedule.
        momentum: that of SGD.
        weight_decay: that of any optimiser; for ``"adam"`` it is part of the gradient.
        schedule: ``"multistep"`` multiplies the rate by ``decay`` at each of the ``milestones``;
            ``"one-cycle"`` raises it from zero, then lowers it to zero, along cosines;
            ``"triangular"`` does so along straight lines, with a slow end.
        milestones: epochs after which the rate is multiplied.
        decay: the factor.
        validation_share: share of the examples used for validation; 0 for none.
        patience: epochs without a better validation loss after which training stops, or None.
        least_gain: share by which a validation loss must be lower to count as better for that.
        clip_norm: limit on the norm of the gradient, or None.
        ema: decay per step of a moving average of the weights, which is what is kept, or
            None; in its first steps it forgets faster, so that the initial weights do not count.
        betas: those of Adam.
        epsilon: that of Adam.
        nesterov: whether SGD uses Nesterov momentum.
        warm_up: share of a one-cycle schedule in which the rate rises; 0 for none.
    """

    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["constant", "multistep", "one-cycle", "triangular"] = "constant"
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    validation_share: float = 0.1
    patience: int | None = None
    least_gain: float = 0.0
    clip_norm: float | None = None
    ema: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    nesterov: bool = False
    warm_up: float = WARM_UP_SHARE

    def is_over(self, validation_losses: Sequence[float]) -> bool:
        """Whether training has gone on in vain for as long as the patience, judged epoch by epoch.

        Args:
            validation_losses: of the epochs so far; without any, training is never over.
        """
        least, better = math.inf, 0
        for epoch, loss in enumerate(validation_losses, 1):
            if loss <= least * (1 - self.least_gain):
                least, better = loss, epoch
        return self.patience is not None and 0 < self.patience <= len(validation_losses) - better

    def rate(self, done: float) -> float:
        """The learning rate when ``done`` epochs are finished, counting parts of an epoch."""
        if self.schedule == "multistep":
            passed = sum(done >= milestone for milestone in self.milestones)
            return self.learning_rate * self.decay**passed
        if self.schedule == "one-cycle":
            share = done / self.epochs
            if share < self.warm_up:
                away = (self.warm_up - share) / self.warm_up
            else:
                away = (share - self.warm_up) / (1 - self.warm_up)
            return self.learning_rate * (1 + math.cos(math.pi * away)) / 2
        if self.schedule == "triangular":
            shares, peaks = zip(*TRIANGLE, strict=True)
            return self.learning_rate * float(np.interp(done / self.epochs, shares, peaks))
        return self.learning_rate

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """The optimiser for a network's parameters."""
        parameters, rate, decay = network.parameters(), self.learning_rate, self.weight_decay
        if self.optimizer == "sgd":
            return uncompiled(torch.optim.SGD)(
                parameters, rate, self.momentum, weight_decay=decay, nesterov=self.nesterov
            )
        adam = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return uncompiled(adam)(
            parameters, rate, self.betas, self.epsilon, weight_decay=decay, fused=True
        )
