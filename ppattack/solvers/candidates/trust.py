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
STEPS = 400
RATE = 0.02
DECAY = 1e-3
STRONGEST = 3
"""The largest third of the correlations is looked at by itself."""


@dataclass(frozen=True)
class _Grader:
    """One hidden layer and a straight way past it; drawn from a generator of its own."""

    weights: tuple[Tensor, ...]

    @classmethod
    def drawn(cls, inputs: int, generator: torch.Generator) -> _Grader:
        first = torch.randn(inputs, HIDDEN, generator=generator) / inputs**0.5
        last = torch.randn(HIDDEN, generator=generator) / HIDDEN**0.5
        weights = (first, torch.zeros(HIDDEN), last, torch.zeros(inputs))
        return cls(tuple(each.requires_grad_() for each in weights))

    def __call__(self, x: Tensor) -> Tensor:
        first, bias, last, straight = self.weights
        return torch.tanh(x @ first + bias) @ last + x @ straight


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
    def fit(
        cls, present: Tensor, absent: Tensor, others: Tensor, generator: torch.Generator
    ) -> Trust:
        """From statistics of matches, ``(Q, S)``.

        Args:
            present: of images that were among the candidates.
            absent: of images that were not.
            others: likewise; these take no part in the training, and p-values rest on them.
            generator: on the CPU.
        """
        x = torch.cat([present, absent])
        mean, scale = x.mean(dim=0), x.std(dim=0).clamp_min(1e-6)
        y = torch.cat([torch.ones(len(present)), torch.zeros(len(absent))])
        weight = torch.where(y > 0, 0.5 / max(1, len(present)), 0.5 / max(1, len(absent)))
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
        return cls(mean, scale, network, network((others - mean) / scale).sort().values)

    def p_values(self, statistics: Tensor) -> Tensor:
        """``(N,)`` shares of matches of absent images that are as good; never zero."""
        grade = self.network((statistics - self.mean) / self.scale)
        better = len(self.absent) - torch.searchsorted(self.absent, grade)
        return (better + 1).float() / (len(self.absent) + 1)


def statistics(top: Tensor, ours: Tensor, theirs: Tensor, correlation: Tensor) -> Tensor:
    """``(N, 12)`` numbers of the matches of N ciphertexts.

    Args:
        top: ``(N, T)`` scores of the best candidates, descending.
        ours: ``(N, K)`` canonical values of the ciphertexts.
        theirs: ``(N, K)`` of the best candidate of each.
        correlation: ``(K,)`` of canonical values.
    """
    order = correlation.argsort(descending=True)
    strong = order[: max(1, len(order) // STRONGEST)]
    residual = (ours - correlation * theirs) / (1 - correlation**2).sqrt()
    best, behind = top[:, 0], top[:, min(BEHIND, top.shape[1] - 1)]
    parts = [best, best - top[:, 1], best - behind, behind]
    for part in (order, strong):
        a, b, rest = ours[:, part], theirs[:, part], residual[:, part]
        parts += [
            (a.square().mean(dim=1) + 1e-3).log(),
            (b.square().mean(dim=1) + 1e-3).log(),
            (rest.square().mean(dim=1) + 1e-3).log(),
            nn.functional.cosine_similarity(a, b, dim=1),
        ]
    return torch.stack(parts, dim=1)
