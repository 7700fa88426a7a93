"""A network that scores every global state of an image from features that states permute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HIDDEN = 96
DROPOUT = 0.3


class StateScorer(nn.Module):
    """A linear score plus one hidden layer, the same for every state of the image.

    Args:
        source: ``(S, D)`` integers; feature j of a state is feature ``source[s, j]`` of the image.
        sign: ``(S, D)``, the factor it is multiplied by.
        centre: ``(D,)``, subtracted from a state's features.
        scale: ``(D,)``, they are then divided by it.
        linear: ``(D,)`` weights to start from, for the features as they are.
    """

    def __init__(
        self, source: Tensor, sign: Tensor, centre: Tensor, scale: Tensor, linear: Tensor
    ) -> None:
        super().__init__()
        self.source: Tensor
        self.sign: Tensor
        self.centre: Tensor
        self.scale: Tensor
        self.register_buffer("source", source)
        self.register_buffer("sign", sign.float())
        self.register_buffer("centre", centre.float())
        self.register_buffer("scale", scale.float())
        self.linear = nn.Linear(len(centre), 1, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_((linear * scale)[None])
        last = nn.Linear(HIDDEN, 1)
        nn.init.zeros_(last.weight)
        self.hidden = nn.Sequential(
            nn.Linear(len(centre), HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), last
        )

    def forward(self, features: Tensor) -> Tensor:
        """``(N, D)`` features of images to ``(N, S)`` scores of their states."""
        states = (features.float()[:, self.source] * self.sign - self.centre) / self.scale
        found: Tensor = (self.linear(states) + self.hidden(states))[..., 0]
        return found
