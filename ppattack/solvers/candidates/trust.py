"""How likely a match as good as this one is if the image is not among the candidates at all.

A high likelihood alone says little: flat images match everything. A small network looks at the
best candidate, at how far the next ones lie behind and at how unusual the ciphertext is. It is
trained on ciphertexts of known answer whose image was, or was not, among the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

BEHIND = 10
"""The candidate whose distance from the best is looked at beside the second."""
HIDDEN = 16
STEPS = 300
RATE = 0.02
DECAY = 1e-3


@dataclass(frozen=True)
class _Grader:
    """One hidden layer; drawn from a generator of its own."""

    weights: tuple[Tensor, Tensor, Tensor]

    @classmethod
    def drawn(cls, inputs: int, generator: torch.Generator) -> _Grader:
        first = torch.randn(inputs, HIDDEN, generator=generator) / inputs**0.5
        last = torch.randn(HIDDEN, generator=generator) / HIDDEN**0.5
        weights = (first, torch.zeros(HIDDEN), last)
        return cls(tuple(each.requires_grad_() for each in weights))  # type: ignore[arg-type]

    def __call__(self, x: Tensor) -> Tensor:
        first, bias, last = self.weights
        return torch.tanh(x @ first + bias) @ last


@dataclass(frozen=True)
class Trust:
    """Matches against those of images that nobody encrypted.

    Args:
        mean: ``(S,)`` of the statistics.
        scale: ``(S,)`` their standard deviation.
        network: gives a match its grade.
        absent: ``(Q,)`` grades of matches of images that were not among the candidates, ascending.
    """

    mean: Tensor
    scale: Tensor
    network: _Grader
    absent: Tensor

    @classmethod
    def fit(cls, present: Tensor, absent: Tensor, generator: torch.Generator) -> Trust:
        """From statistics of matches, ``(Q, S)``, of images that were and were not there.

        The second half of the absent ones takes no part in the training; p-values rest on it.
        """
        half = len(absent) // 2
        x = torch.cat([present, absent[:half]])
        mean, scale = x.mean(dim=0), x.std(dim=0).clamp_min(1e-6)
        y = torch.cat([torch.ones(len(present)), torch.zeros(half)])
        weight = torch.where(y > 0, 0.5 / max(1, len(present)), 0.5 / max(1, half))
        network = _Grader.drawn(x.shape[1], generator)
        optimizer = torch.optim.AdamW(network.weights, RATE, weight_decay=DECAY)
        with torch.enable_grad():
            for _ in range(STEPS):
                grade = network((x - mean) / scale)
                loss = nn.functional.binary_cross_entropy_with_logits(
                    grade, y, weight, reduction="sum"
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        for each in network.weights:
            each.requires_grad_(False)
        graded = network((absent[half:] - mean) / scale)
        return cls(mean, scale, network, graded.sort().values)

    def p_values(self, statistics: Tensor) -> Tensor:
        """``(N,)`` shares of matches of absent images that are as good; never zero."""
        grade = self.network((statistics - self.mean) / self.scale)
        better = len(self.absent) - torch.searchsorted(self.absent, grade)
        return (better + 1).float() / (len(self.absent) + 1)


def statistics(scores: Tensor, values: Tensor) -> Tensor:
    """``(N, 4)`` numbers of the matches of N ciphertexts.

    Args:
        scores: ``(N, K)`` of the best candidates, descending.
        values: ``(N, C)`` canonical values of the ciphertexts.
    """
    best = scores[:, 0]
    behind = scores[:, min(BEHIND, scores.shape[1] - 1)]
    return torch.stack(
        [best, best - scores[:, 1], best - behind, values.square().mean(dim=1)], dim=1
    )
