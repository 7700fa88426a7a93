"""A gap between pieces makes the measure less sure of what it prefers."""

from __future__ import annotations

import torch

from ppattack.plugins import registry
from ppattack.solvers.jigsaw import solve


def test_a_declared_gap_flattens_the_likelihoods() -> None:
    generator = torch.Generator().manual_seed(0)
    pieces = torch.randint(0, 256, (9, 3, 4, 4), generator=generator, dtype=torch.uint8)
    near, apart = (
        solve(pieces, 3, 3, turns=False, flips=False, negatives=False, colours=False, gap=gap)
        for gap in (0, 1)
    )
    assert apart.confidence.mean() < near.confidence.mean()


def test_patch_shuffle_declares_its_gap() -> None:
    scheme = registry.target("patch-shuffle")
    assert scheme(gap=2).structure().gap == 2
    assert scheme().structure().gap == 0
