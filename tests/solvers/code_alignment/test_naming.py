"""Vectors whose nearest neighbours are the most likely images."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.naming import naming_vectors
from ppattack.solvers.code_alignment.own_side import key_noise


def _stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _covariance(count: int, seed: int) -> Tensor:
    root = torch.randn(count, count, generator=_stream(seed)).double()
    root = root * torch.linspace(3, 0.1, count)
    return root @ root.T + 0.01 * torch.eye(count)


def test_distances_are_log_likelihoods_up_to_what_is_the_same_for_all() -> None:
    noise = _covariance(5, 1)
    predicted = torch.randn(30, 5, generator=_stream(2)).double()
    codes = torch.randn(40, 5, generator=_stream(3)).double()
    vectors = naming_vectors(predicted, noise)
    assert vectors.shape == (30, 6)
    padded = torch.cat([codes, torch.zeros(40, 1)], dim=1)
    found = (padded[:, None] - vectors).square().sum(dim=2)
    apart = codes[:, None] - predicted
    wanted = torch.einsum("tnk,kl,tnl->tn", apart, torch.linalg.inv(noise), apart)
    wanted = wanted * torch.linalg.eigvalsh(noise)[0]
    left = found - wanted
    assert torch.allclose(left, left[:, :1].expand_as(left), atol=1e-8)


def test_equal_noise_leaves_the_nearest_prediction_the_nearest() -> None:
    predicted = torch.randn(30, 5, generator=_stream(4))
    codes = predicted + 0.1 * torch.randn(30, 5, generator=_stream(5))
    vectors = naming_vectors(predicted, torch.eye(5) * 0.01)
    padded = torch.cat([codes, torch.zeros(30, 1)], dim=1)
    assert torch.equal(
        torch.cdist(padded, vectors).argmin(dim=1), torch.cdist(codes, predicted).argmin(dim=1)
    )


def test_what_is_known_to_be_noise_does_not_decide() -> None:
    predicted = torch.randn(60, 4, generator=_stream(6))
    wrong = torch.tensor([3.0, 0.05, 0.05, 0.05])
    codes = predicted + wrong * torch.randn(60, 4, generator=_stream(7))
    padded = torch.cat([codes, torch.zeros(60, 1)], dim=1)
    own = torch.arange(60)
    named = torch.cdist(padded, naming_vectors(predicted, wrong.square().diag())).argmin(dim=1)
    plain = torch.cdist(codes, predicted).argmin(dim=1)
    assert float((named == own).double().mean()) > 0.9
    assert float((plain == own).double().mean()) < 0.5


def test_the_noise_of_keys_is_that_between_them() -> None:
    shared = torch.randn(400, 6, 3, generator=_stream(8)) * torch.tensor([3.0, 2.0, 1.0])
    deviation = torch.tensor([0.3, 0.1, 0.2])
    keys = [
        shared + deviation * torch.randn(400, 1, 3, generator=_stream(seed)) for seed in (9, 10)
    ]
    found = key_noise(keys, (keys[0] + keys[1]) / 2)
    assert torch.allclose(found.diag().sqrt(), deviation, rtol=0.15)
