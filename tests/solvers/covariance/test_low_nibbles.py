"""Low nibbles found by what the high ones say of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.permxor import PermXor
from ppattack.solvers.covariance import block_symbols, low_nibbles
from tests.support.natural import natural_images

SHAPE = (3, 8, 8)
AREA = 192


def block_key(rng: np.random.Generator, *, shared: bool) -> PermXor:
    """Blocks of 4 in their places; nibbles permuted and complemented within each."""
    numbers = block_symbols.numbers(SHAPE, 4, "nibble")
    index, mask = np.empty(2 * AREA, np.int64), np.empty(2 * AREA, np.uint8)
    order, flips = rng.permutation(96), rng.integers(0, 2, 96)
    for row in numbers:
        if not shared:
            order, flips = rng.permutation(96), rng.integers(0, 2, 96)
        index[row], mask[row] = row[order], 15 * flips
    return PermXor(index, mask, "nibble")


def without_low(key: PermXor, rng: np.random.Generator) -> PermXor:
    """The key with the low nibbles of each block exchanged at random."""
    index, mask = key.index.copy(), key.mask.copy()
    for row in block_symbols.numbers(SHAPE, 4, "nibble"):
        low = row[index[row] < AREA]
        index[low], mask[low] = rng.permutation(index[low]), 0
    return PermXor(index, mask, "nibble")


@pytest.mark.parametrize(("shared", "count"), [(True, 60), (False, 400)])
def test_the_key_is_completed_exactly(shared: bool, count: int) -> None:
    rng = np.random.default_rng(3)
    true = block_key(rng, shared=shared)
    numbers = block_symbols.numbers(SHAPE, 4, "nibble")
    found, good = low_nibbles.complete(
        without_low(true, rng),
        true(natural_images(count, 8, seed=1)),
        natural_images(300, 8, seed=2),
        numbers,
        shared=shared,
    )
    assert good
    assert np.array_equal(found.index, true.index)
    assert np.array_equal(found.mask, true.mask)


def test_noise_is_not_taken_for_low_nibbles() -> None:
    rng = np.random.default_rng(4)
    noise = torch.from_numpy(rng.integers(0, 256, (400, *SHAPE), dtype=np.uint8))
    key = block_key(rng, shared=False)
    numbers = block_symbols.numbers(SHAPE, 4, "nibble")
    _, good = low_nibbles.complete(
        key, noise, natural_images(300, 8, seed=2), numbers, shared=False
    )
    assert not good


def test_expected_low_nibbles_follow_the_slope() -> None:
    ramp = torch.arange(0, 256, 8, dtype=torch.uint8).repeat(32, 1)[None, None]
    prediction = low_nibbles.learn(torch.cat([ramp, ramp.flip(3), ramp.mT, ramp.mT.flip(2)]))
    inside = (prediction(ramp) - (ramp & 15))[..., 4:-4, 4:-4]
    assert float(inside.abs().max()) < 2
