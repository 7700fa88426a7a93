"""The likelihood ratio of pairs and the comparison of blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ppattack.solvers.candidates.block_likelihood import BlockLikelihood
from ppattack.solvers.candidates.likelihood import PairLikelihood


def pairs(count: int, rho: float, seed: int) -> tuple[Tensor, Tensor]:
    """Two noisy views of 8 hidden numbers among 20 features."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(2, 8, 20, generator=torch.Generator().manual_seed(99))
    hidden = torch.randn(count, 8, generator=draw)
    noise = math.sqrt(1 / rho - 1)
    noisy = [hidden + noise * torch.randn(count, 8, generator=draw) for _ in range(2)]
    return noisy[0] @ mix[0], noisy[1] @ mix[1]


def test_correlations_are_those_of_the_two_views() -> None:
    fitted = PairLikelihood.fit(*pairs(6000, 0.8, seed=1))
    assert len(fitted.correlation) == 8
    assert (fitted.correlation - 0.8).abs().max() < 0.06


def test_scores_are_the_exact_likelihood_ratio() -> None:
    fitted = PairLikelihood.fit(*pairs(6000, 0.8, seed=1))
    u, v, rho = torch.randn(3, 8), torch.randn(5, 8), fitted.correlation
    together = torch.zeros(3, 5)
    for i in range(3):
        for j in range(5):
            for k in range(8):
                spread = torch.tensor([[1.0, rho[k]], [rho[k], 1.0]])
                both = torch.distributions.MultivariateNormal(torch.zeros(2), spread)
                one = torch.distributions.Normal(0.0, 1.0)
                value = both.log_prob(torch.stack([u[i, k], v[j, k]]))
                together[i, j] += value - one.log_prob(u[i, k]) - one.log_prob(v[j, k])
    assert torch.allclose(fitted.scores(u, v), together, atol=1e-3)


def test_pairs_have_the_scores_of_all_with_all() -> None:
    fitted = PairLikelihood.fit(*pairs(2000, 0.8, seed=1))
    u, v = torch.randn(2, 5, len(fitted.correlation))
    assert torch.allclose(fitted.of_pairs(u, v), fitted.scores(u, v).diagonal(), atol=1e-4)


def test_what_copies_keep_leads_and_not_what_differs_most() -> None:
    draw = torch.Generator().manual_seed(0)
    kept = 0.1 * torch.randn(400, 5, generator=draw)
    ciphertexts, copies = (
        torch.cat([kept, torch.randn(400, 200, generator=draw)], dim=1) for _ in range(2)
    )
    fitted = PairLikelihood.fit(ciphertexts, copies)
    assert int((fitted.correlation > 0.95).sum()) == 5


def test_views_without_anything_in_common_match_by_chance() -> None:
    x, _ = pairs(2000, 0.9, seed=1)
    _, y = pairs(2000, 0.9, seed=2)
    fitted = PairLikelihood.fit(x, y)
    scores = fitted.scores(fitted.ciphertext(x[:200]), fitted.candidate(y[:200]))
    assert (scores.argmax(dim=1) == torch.arange(200)).sum() <= 8


def test_blocks_are_recognised_in_any_order() -> None:
    draw = torch.Generator().manual_seed(0)
    blocks = torch.randn(60, 16, 6, generator=draw)
    seen = blocks + 0.2 * torch.randn(blocks.shape, generator=draw)
    fitted = BlockLikelihood.fit(seen[:40], blocks[:40], draw)
    moved = seen[40:, torch.randperm(16, generator=draw)]
    ours, theirs = fitted.ciphertext(moved), fitted.candidate(blocks[40:])
    background = fitted.background_of(ours)
    scores = torch.stack(
        [fitted.scores(ours, background, each.expand_as(ours)) for each in theirs], 1
    )
    assert torch.equal(scores.argmax(dim=1), torch.arange(20))
