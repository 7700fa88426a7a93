"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ppattack.training.checkpoints import Weights

WARM_UP = 10.0
"""At first the average keeps ``(1 + n) / (WARM_UP + n)`` of itself in step n."""


class MovingAverage:
    """A copy of a network whose weights follow it slowly.

    Running statistics are averaged like weights. After ``n`` steps the average keeps
    ``min(decay, (1 + n) / (10 + n))`` of itself, so that the initial weights are soon forgotten.

    Args:
        network: the network, which is copied in evaluation mode.
        decay: the share of itself that the average keeps per step, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add one step of the network."""
        kept = min(self.decay, (1 + self.steps) / (WARM_UP + self.steps))
        self.steps += 1
        current = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - kept)
            else:
                value.copy_(current[name])

    def resume(self, weights: Weights, steps: int) -> None:
        """Continue from an average that was saved after that many steps."""
        self.network.load_state_dict(weights)
        self.steps = steps
