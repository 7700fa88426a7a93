"""Least squares: exact without noise, and the best guess where noise leaves directions open."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.solvers.linear.least_squares import Procrustes, Ridge
from ppattack.target.linear import haar

SCALE = 0.4


def cloud(count: int, size: int, seed: int) -> Tensor:
    """Vectors whose deviations fall from 30 to .03."""
    rng = torch.Generator().manual_seed(seed)
    deviations = torch.logspace(1.5, -1.5, size, dtype=torch.float64)
    return torch.randn((1, count, size), generator=rng).double() * deviations


def products(rows: Tensor, seed: int, *, rounded: bool) -> Tensor:
    size = rows.shape[2]
    made = SCALE * rows @ torch.from_numpy(haar(np.random.default_rng(seed), 1, size))[0].T
    return made.round() if rounded else made


def test_without_noise_both_are_exact() -> None:
    rows = cloud(40, 12, 0)
    given = products(rows, 1, rounded=False)
    fit = Procrustes(rows, given)
    torch.testing.assert_close(rows @ fit.forth.transpose(1, 2), given)
    torch.testing.assert_close(given @ fit.back(0.0).transpose(1, 2), rows)
    offset = torch.arange(12).double()
    ridge = Ridge(rows + offset, given, torch.ones_like(rows[..., :1])).with_noise(0.0)
    found = given @ ridge.matrices.transpose(1, 2) + ridge.offsets
    torch.testing.assert_close(found, rows + offset, atol=1e-6, rtol=0)


def test_what_noise_leaves_open_is_shown_with_less_contrast() -> None:
    better = []
    for seed in range(8):
        rows, fresh = cloud(16, 24, seed), cloud(400, 24, 100 + seed)
        fit = Procrustes(rows, products(rows, seed, rounded=True))
        given = products(fresh, seed, rounded=False)
        errors = [
            float((given @ back.transpose(1, 2) - fresh).square().mean())
            for back in (fit.back(1 / 12), fit.forth.transpose(1, 2) / SCALE**2)
        ]
        better.append(errors[0] / errors[1])
        sizes = torch.linalg.svdvals(fit.back(1 / 12)[0] * SCALE)
        assert float(sizes.max()) > 0.99
        assert float(sizes.min()) < 0.5
    assert max(better) < 1.0
    assert np.median(better) < 0.8
