"""Statistics of ciphertexts: what they show, and that nothing shows on noise."""

from __future__ import annotations

import numpy as np
import pytest

from ppattack.maps import Combine, Running
from ppattack.solvers.ciphertext_only import statistics
from tests.conftest import smooth_images

SHAPE = (3, 16, 16)
SIZE = 768


def rows(count: int = 120) -> np.ndarray:
    return smooth_images(count).numpy().reshape(count, -1)


def masked(combine: Combine) -> np.ndarray:
    rng = np.random.default_rng(1)
    keystream = rng.integers(0, 256, SIZE, dtype=np.uint8)
    moved = rows()[:, rng.permutation(SIZE)]
    return moved ^ keystream if combine == "xor" else moved + keystream


@pytest.mark.parametrize("combine", ["xor", "add"])
def test_the_kind_of_mask_is_told(combine: Combine) -> None:
    found = statistics.dependence(masked(combine), SHAPE)
    assert found.chain is None
    assert found.mask == combine
    assert found.energy > 2


@pytest.mark.parametrize("number", [0, 5, 13, 22, 27, 35])
def test_the_chain_and_its_direction_are_told(number: int) -> None:
    chain = statistics.chains(SHAPE)[number]
    mask: Combine = "xor" if chain.combine == "xor" else "add"
    before = masked(mask)
    found = statistics.dependence(chain.apply(before), SHAPE)
    assert found.chain is not None
    assert found.energy > 2
    assert (found.undone(chain.apply(before)) == before).mean() > 0.99


def test_chains_are_all_different() -> None:
    found = statistics.chains(SHAPE)
    assert len(found) == 36
    assert all(isinstance(each, Running) for each in found)
    assert len({(each.combine, each.scan.tobytes()) for each in found}) == 36


def test_noise_stays_below_the_bars() -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        noise = rng.integers(0, 256, (60, SIZE), dtype=np.uint8)
        assert statistics.dependence(noise, SHAPE).energy < statistics.ENERGY_BAR
        assert statistics.uniformity(noise) < statistics.HISTOGRAM_BAR


def test_a_table_leaves_the_histogram_uneven() -> None:
    table = np.random.default_rng(0).permutation(256).astype(np.uint8)
    assert statistics.uniformity(table[rows()]) > statistics.HISTOGRAM_BAR


def test_few_ciphertexts_show_nothing() -> None:
    assert statistics.dependence(masked("xor")[:5], SHAPE).energy == 1.0
