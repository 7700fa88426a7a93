"""A gap between pieces makes the measure less sure of what it prefers."""

from __future__ import annotations

import numpy as np

from ppattack.plugins import registry
from ppattack.solvers.jigsaw import solve
from tests.conftest import smooth_images


def test_a_declared_gap_flattens_the_likelihoods() -> None:
    image = smooth_images(1)
    pieces = image.reshape(3, 4, 4, 4, 4).permute(1, 3, 0, 2, 4).flatten(0, 1)
    near, apart = (
        solve(pieces, 4, 4, turns=False, flips=False, negatives=False, colours=False, gap=gap)
        for gap in (0, 1)
    )
    assert np.array_equal(near.arrangement.grid, apart.arrangement.grid)
    assert apart.confidence.mean() < near.confidence.mean()


def test_patch_shuffle_declares_its_gap() -> None:
    scheme = registry.target("patch-shuffle")
    assert scheme(gap=2).structure().gap == 2
    assert scheme().structure().gap == 0
