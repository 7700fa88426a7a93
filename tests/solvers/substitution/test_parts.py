"""Scale, mask, table and prediction, each against laws, brute force or the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.images import ImageShape
from ppattack.solvers.substitution import masked as masks
from ppattack.solvers.substitution import table as tables
from ppattack.solvers.substitution.neighbours import Neighbours
from ppattack.solvers.substitution.recover import _places, key
from targets.block_defence_ffx import BlockDefenceFfx, ffx_table
from tests.support.photo_attacks import photos

SHAPE: ImageShape = (3, 32, 32)
SIZE = 3 * 32 * 32


@pytest.fixture(scope="module")
def neighbours() -> Neighbours:
    return Neighbours.of(photos().adversary, np.random.default_rng(0))


def _levels(count: int) -> NDArray[np.int64]:
    """``(count, S)``: photographs."""
    return photos().victims[:count].numpy().reshape(count, -1).astype(np.int64)


@settings(max_examples=30, deadline=None)
@given(st.integers(500, 999), st.integers(0, 2**32 - 1))
def test_the_scale_is_that_of_the_numbers(scale: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, scale + 1, (2, 50))
    numbers[0, :2] = scale, scale - 1
    found = masks.whole_numbers((numbers / scale).astype(np.float32))
    assert found is not None
    assert found[1] == scale
    assert np.array_equal(found[0], numbers)


def test_few_numbers_have_the_largest_scale_that_fits() -> None:
    """500 of 998 alone is 250 of 499, too; no table's largest number is so small."""
    found = masks.whole_numbers(np.array([[77, 500, 77]], np.float32) / np.float32(998))
    assert found is not None
    assert (found[1], found[0].tolist()) == (998, [[77, 500, 77]])
    halved = masks.whole_numbers(np.array([[0, 500]], np.float32) / np.float32(998))
    assert halved is not None
    assert (halved[1], halved[0].tolist()) == (998, [[0, 500]])


def test_what_has_no_scale_has_no_numbers() -> None:
    rng = np.random.default_rng(1)
    assert masks.whole_numbers(rng.random((2, 100), np.float32)) is None
    assert masks.whole_numbers(np.array([[0.5, -0.5]], np.float32)) is None
    assert masks.whole_numbers(np.array([[0.5, np.nan]], np.float32)) is None
    assert masks.whole_numbers(np.array([[1.0, 1000.0]], np.float32)) is None
    whole = masks.whole_numbers(np.array([[3.0, 998.0]], np.float32))
    assert whole is not None
    assert whole[1] == 1


def test_a_byte_is_predicted_from_known_neighbours_and_nothing_else(
    neighbours: Neighbours,
) -> None:
    rng = np.random.default_rng(2)
    known = (rng.random(48) < 0.6)[_places(SHAPE, 4)]
    values = _levels(1).astype(np.float32)
    told = neighbours.predict(values, known, SHAPE)
    other = np.where(known, values, rng.integers(0, 256, values.shape)).astype(np.float32)
    assert np.array_equal(neighbours.predict(other, known, SHAPE).values, told.values)
    at = int(np.flatnonzero(known)[100])
    other[0, at] += 100
    moved = neighbours.predict(other, known, SHAPE).values != told.values
    assert not moved[0, at]
    rows, columns = np.divmod(np.flatnonzero(moved[0]) % 1024, 32)
    assert np.abs(rows - at % 1024 // 32).max() <= 2
    assert np.abs(columns - at % 32).max() <= 2


def test_weights_sum_to_one_and_predict_better_than_the_mean_of_neighbours(
    neighbours: Neighbours,
) -> None:
    every = np.ones(SIZE, bool)
    flat = np.full((1, SIZE), 77, np.float32)
    assert neighbours.predict(flat, every, SHAPE).values == pytest.approx(flat, abs=0.02)
    values = _levels(20).astype(np.float32)
    off = np.abs(neighbours.predict(values, every, SHAPE).values - values).mean()
    images = values.reshape(-1, 32, 32)
    beside = (images[:, 1:-1, :-2] + images[:, 1:-1, 2:]) / 2
    assert off < 0.6 * np.abs(beside - images[:, 1:-1, 1:-1]).mean()


def test_own_weights_are_those_of_neighbours_with_the_same_label(neighbours: Neighbours) -> None:
    every = np.ones(SIZE, bool)
    labels = np.where(np.arange(SIZE) % 2, _levels(1) // 64, -1).astype(np.int16)
    values = _levels(1).astype(np.float32)
    own = neighbours.predict(values, every, SHAPE, labels).own
    for at in (5, 1500, 2 * 1024 + 16 * 32 + 7):
        if labels[0, at] >= 0:
            raised = values + 64.0 * (labels == labels[0, at])
            change = (
                neighbours.predict(raised, every, SHAPE).values
                - neighbours.predict(values, every, SHAPE).values
            )
            assert own[0, at] == pytest.approx(change[0, at] / 64, abs=1e-3)
    assert not own[labels < 0].any()


@pytest.mark.parametrize(("block", "count"), [(4, 1), (8, 1), (16, 1)])
def test_masked_places_are_told_from_clear_ones(
    neighbours: Neighbours, block: int, count: int
) -> None:
    places = _places(SHAPE, block)
    truth = np.random.default_rng(3).permutation(3 * block**2) < 3 * block**2 // 2
    table = ffx_table(b"a secret")
    levels = _levels(count)
    numbers = np.where(truth[places], table[levels], levels)
    found = masks.evidence_of_clear(numbers, places, SHAPE, neighbours) < 0
    assert np.array_equal(found, truth)


def test_masked_places_that_hold_levels_only_are_told_by_their_neighbours(
    neighbours: Neighbours,
) -> None:
    """Five of 24 masked places show no number above 255, as a few do in small images."""
    places = _places(SHAPE, 4)
    truth = np.random.default_rng(4).permutation(48) < 24
    betrayed = truth & (np.cumsum(truth) > 5)
    levels, small = _levels(1), np.random.default_rng(5).permutation(256)
    numbers = np.where(truth[places], small[levels], levels)
    numbers = np.where(betrayed[places], ffx_table(b"a secret")[levels], numbers)
    found = masks.evidence_of_clear(numbers, places, SHAPE, neighbours)
    assert np.array_equal(np.isinf(found), betrayed)
    assert np.array_equal(found < 0, truth)


def test_half_of_the_places_are_masked_or_one_less() -> None:
    sure = np.array([-np.inf, -np.inf, -5, 4, 6, 9.0])
    assert masks.half(sure).nonzero()[0].tolist() == [0, 1, 2]  # type: ignore[union-attr]
    short = np.array([-np.inf, 1, -2, 4, 6, 9.0])
    assert masks.half(short).nonzero()[0].tolist() == [0, 2]  # type: ignore[union-attr]
    many = np.array([-np.inf, -1, -2, -3, 6, 9.0])
    assert masks.half(many).nonzero()[0].tolist() == [0, 2, 3]  # type: ignore[union-attr]
    few = np.array([-np.inf, 0.5, 2, 3, 6, 9.0] * 2)
    assert masks.half(few) is None
    assert masks.half(np.full(48, 3.0)) is None
    assert masks.half(np.array([-np.inf] * 4 + [3.0] * 3)) is None
    assert masks.half(np.array([-np.inf, 3, 3])).tolist() == [True, False, False]  # type: ignore[union-attr]


def test_the_place_of_a_byte_goes_by_row_column_channel() -> None:
    places = _places((3, 4, 4), 2).reshape(3, 4, 4)
    assert places[:, 0, 0].tolist() == [0, 1, 2]
    assert places[:, 0, 1].tolist() == [3, 4, 5]
    assert places[:, 1, 0].tolist() == [6, 7, 8]
    assert np.array_equal(places[:, 2:, 2:], places[:, :2, :2])


def test_most_of_the_table_is_exact_from_six_and_near_from_one(neighbours: Neighbours) -> None:
    table = ffx_table(b"another")
    masked = np.random.default_rng(6).random(SIZE) < 0.5
    for count, right, off in ((6, 0.4, 0.8), (1, 0.1, 4.0)):
        levels = _levels(count)
        found = tables.solve(np.where(masked, table[levels], levels), masked, SHAPE, neighbours)
        truth = table.argsort()[found.numbers]
        error = np.abs(found.levels - truth)
        assert (error == 0).mean() > right
        assert np.average(error, weights=found.counts) < off
        assert (error[found.sureness > 0.95] == 0).mean() > 0.95
        assert found.sureness.mean() < (error == 0).mean() + 0.05
        assert found.counts.sum() == count * masked.sum()


def test_more_numbers_than_levels_leave_those_that_fit_best(neighbours: Neighbours) -> None:
    """As if many clear bytes had been taken for masked ones."""
    levels = _levels(2)
    masked = np.random.default_rng(6).random(SIZE) < 0.5
    wrong = masked & (np.random.default_rng(7).random(SIZE) < 0.3)
    numbers = np.where(masked & ~wrong, ffx_table(b"another")[levels], levels)
    assert len(np.unique(numbers[:, masked])) > 256
    found = tables.solve(numbers, masked, SHAPE, neighbours)
    assert len(found.numbers) == len(np.unique(found.levels)) == 256
    assert set(found.numbers) <= set(numbers[:, masked].reshape(-1))
    assert np.isfinite(found.sureness).all()


def test_nothing_is_called_sure_of_a_picture_of_flat_colours(neighbours: Neighbours) -> None:
    """Some of its clear levels could be numbers of the table, and the other way round."""
    flat = torch.tensor([200, 30, 60], dtype=torch.uint8)[:, None, None].expand(1, 3, 32, 32)
    target = BlockDefenceFfx()
    ciphertexts = target.encrypt(flat, target.generate_key(np.random.default_rng(3), SHAPE))
    found = key(ciphertexts, 4, neighbours)
    assert found.notes["levels sure"] == 0
    assert found.notes["levels exact, expected share"] == 0
    assert found.notes["places unsure"] > 10


def test_nothing_masked_gives_an_empty_table(neighbours: Neighbours) -> None:
    found = tables.solve(_levels(1), np.zeros(SIZE, bool), SHAPE, neighbours)
    assert len(found.numbers) == len(found.levels) == len(found.sureness) == 0


def test_sureness_counts_free_levels_and_exchanges() -> None:
    likely = np.full((2, 256), -50.0)
    likely[0, :3] = 0, -1, -2
    likely[1, :3] = -1, 0, -50
    levels = linear_sum_assignment(likely, maximize=True)[1]
    assert levels.tolist() == [0, 1]
    found = tables._sureness(likely, levels)
    exchange = np.exp(-2)
    assert found[0] == pytest.approx(1 / (1 + exchange + np.exp(-2)))
    assert found[1] == pytest.approx(1 / (1 + exchange))
