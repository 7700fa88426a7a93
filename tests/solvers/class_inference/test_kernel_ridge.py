"""Kernel ridge regression is that of scikit-learn, and tells classes apart."""

from __future__ import annotations

import pytest
import torch

from ppattack.solvers.class_inference.kernel_ridge import KernelRidge, chosen_by_held_out


def rings(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes that no straight line parts."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    radius = 1.0 + 1.5 * labels + 0.2 * torch.randn(count, generator=generator)
    angle = 2 * torch.pi * torch.rand(count, generator=generator)
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return 50 * points + 7, labels


def test_it_is_that_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.kernel_ridge")
    known, labels = rings(80)
    asked, _ = rings(30, seed=1)
    found = KernelRidge.fit(known, labels, 2, width=0.9, ridge=0.3)
    centred = known - known.mean(dim=0)
    scale = centred.square().sum(dim=1).mean().rsqrt()
    other = linear.KernelRidge(alpha=0.3, kernel="rbf", gamma=0.9)
    shares = torch.nn.functional.one_hot(labels, 2).float()
    other.fit((centred * scale).numpy(), (shares - shares.mean(dim=0)).numpy())
    expected = other.predict(((asked - known.mean(dim=0)) * scale).numpy()) + 0.5
    assert found.scores(asked).numpy() == pytest.approx(expected, abs=1e-3)


def test_what_is_held_out_chooses() -> None:
    known, labels = rings(200)
    asked, truth = rings(100, seed=2)
    found, accuracy = chosen_by_held_out(known, labels, 2, 50, (1e-6, 1.0), (0.1, 1e6))
    assert found.width == 1.0
    assert accuracy > 0.95
    assert float((found.predict(asked) == truth).double().mean()) > 0.95
    assert len(found.examples) == 200


def test_equal_features_name_the_commonest_class() -> None:
    features, labels = torch.ones(10, 3), torch.tensor([0, 1, 1, 1, 2, 1, 0, 1, 1, 2])
    found = KernelRidge.fit(features, labels, 3)
    assert found.predict(torch.randn(4, 3)).tolist() == [1, 1, 1, 1]
