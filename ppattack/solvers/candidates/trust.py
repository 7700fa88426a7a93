"""How likely a match as good as this one is if the image is not among the candidates at all.

A high likelihood alone says little: flat images match everything. A small network looks at the
best candidate, at how far the next ones lie behind and at how unusual the ciphertext is. It is
trained on ciphertexts of known answer whose image was, or was not, among the candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ppattack.training.optimisers import uncompiled

BEHIND = 10
"""The candidate whose distance from the best is looked at beside the second."""
NETWORKS = 4
HIDDEN = 16
STEPS = 200
RATE = 0.02
DECAY = 1e-3
TAIL = 0.05
"""Share of the best matches of absent images to which a generalised Pareto distribution is fitted;
of Hosking and Wallis' sample sizes, whose smallest is 15, it is one of the larger if there are many
candidates."""
COUNTED = 20
"""Matches of absent images that are enough to be counted: less is told by the fit."""
STRONGEST = 3
"""The largest third of the correlations is looked at by itself."""


@dataclass(frozen=True)
class _Graders:
    """Networks with one hidden layer and a straight way past it; their grades are averaged."""

    weights: tuple[Tensor, ...]

    @classmethod
    def drawn(cls, inputs: int, generator: torch.Generator) -> _Graders:
        first = torch.randn(NETWORKS, inputs, HIDDEN, generator=generator) / inputs**0.5
        last = torch.randn(NETWORKS, HIDDEN, 1, generator=generator) / HIDDEN**0.5
        bias, straight = torch.zeros(NETWORKS, 1, HIDDEN), torch.zeros(NETWORKS, inputs, 1)
        weights = (first, bias, last, straight)
        return cls(tuple(each.requires_grad_() for each in weights))

    def each(self, x: Tensor) -> Tensor:
        """``(NETWORKS, N)`` grades of ``(N, S)`` statistics."""
        first, bias, last, straight = self.weights
        return (torch.tanh(x @ first + bias) @ last + x @ straight)[..., 0]

    def __call__(self, x: Tensor) -> Tensor:
        return self.each(x).mean(dim=0)


@dataclass(frozen=True)
class Trust:
    """Matches against those of images that nobody encrypted.

    Args:
        mean: ``(S,)`` of the statistics.
        scale: ``(S,)`` their standard deviation.
        networks: give a match its grade.
        absent: ``(Q,)`` grades of matches of images that were not among the candidates, ascending.
    """

    mean: Tensor
    scale: Tensor
    networks: _Graders
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
        x = (x - mean) / scale
        y = torch.cat([torch.ones(len(present)), torch.zeros(len(absent))])
        weight = torch.where(y > 0, 0.5 / max(1, len(present)), 0.5 / max(1, len(absent)))
        networks = _Graders.drawn(x.shape[1], generator)
        optimizer = uncompiled(torch.optim.AdamW)(networks.weights, RATE, weight_decay=DECAY)
        loss = nn.functional.binary_cross_entropy_with_logits
        with torch.enable_grad():
            for _ in range(STEPS):
                grades = networks.each(x)
                optimizer.zero_grad()
                loss(grades, y.expand_as(grades), weight, reduction="sum").backward()
                optimizer.step()
        for each in networks.weights:
            each.requires_grad_(False)
        return cls(mean, scale, networks, networks((others - mean) / scale).sort().values)

    def p_values(self, statistics: Tensor) -> Tensor:
        """``(N,)`` shares of matches of absent images that are as good.

        Of a match that fewer than :data:`COUNTED` of them reach, the share is that of the
        generalised Pareto distribution with the first two probability-weighted moments of the best
        :data:`TAIL` (Hosking and Wallis, Technometrics 29, 1987,
        doi:10.1080/00401706.1987.10488243), taken to fall no faster than exponentially. It is never
        below one over their number.
        """
        grade = self.networks((statistics - self.mean) / self.scale)
        count = len(self.absent)
        reached = count - torch.searchsorted(self.absent, grade)
        p = (1 + reached).float() / (1 + count)
        beyond = max(int(TAIL * count), COUNTED)
        if beyond >= count:
            return p
        start = self.absent[count - beyond - 1]
        shape, scale = _pareto(self.absent[count - beyond :] - start)
        excess = ((grade - start) / scale).clamp_min(0)
        share = (-excess).exp() if shape == 0 else (1 + shape * excess) ** (-1 / shape)
        fitted = (share * beyond / count).clamp(1 / (1 + count), COUNTED / count)
        return torch.where(reached < COUNTED, fitted, p)


def _pareto(excess: Tensor) -> tuple[float, float]:
    """Shape, not below 0, and scale of ascending positive numbers."""
    count = len(excess)
    mean = float(excess.mean())
    larger = 1 - (torch.arange(1, count + 1) - 0.35) / count  # plotting positions of the reference
    weighted = float((larger * excess).mean())
    spread = max(mean - 2 * weighted, 1e-9)
    shape = 2 - mean / spread
    if shape <= 0:
        return 0.0, max(mean, 1e-6)
    return shape, max(2 * mean * weighted / spread, 1e-6)


def statistics(
    top: Tensor, ours: Tensor, theirs: Tensor, correlation: Tensor, blocks: Tensor | None = None
) -> Tensor:
    """``(N, 12)`` or ``(N, 13)`` numbers of the matches of N ciphertexts.

    Args:
        top: ``(N, T)`` scores: of the match, and of the best others, descending.
        ours: ``(N, K)`` canonical values of the ciphertexts.
        theirs: ``(N, K)`` of the best candidate of each.
        correlation: ``(K,)`` of canonical values.
        blocks: ``(N,)`` how well the blocks of the best candidate fit, if they were compared.
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
    return torch.stack(parts if blocks is None else [*parts, blocks], dim=1)
