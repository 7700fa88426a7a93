"""Which borders touched: controls, laws, and a sum over every arrangement by hand."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from ppattack.identify.finding import Finding
from ppattack.identify.properties import altered, block_edges
from ppattack.identify.properties.moved import neighbours_z
from ppattack.identify.sample import Floats, Sample
from ppattack.identify.touching import (
    MOST_ODDS,
    OPPOSITE,
    RIGHT,
    as_it_lies,
    borders_of,
    odds_as_they_lie,
    unaltered,
)
from tests.support.folders_of_ciphertexts import encrypted, pads, photographs

RNG = np.random.default_rng(3)


def signed(images: np.ndarray) -> Floats:
    return Sample(images).signed


def test_moved_blocks_fit_as_they_are_and_altered_ones_do_not() -> None:
    images = photographs()[::4]
    for size in (4, 8, 16):
        kept = [
            unaltered(each, size)
            for each in signed(encrypted("patch-shuffle", images=images, patch_size=size))
        ]
        changed = [
            unaltered(each, size)
            for each in signed(encrypted("etc", images=images, block_size=size))
        ]
        assert np.mean(np.array(kept) > altered.BAR) > 0.9
        assert np.mean(np.array(changed) < altered.BAR) > 0.9


def test_a_change_of_the_whole_image_is_none() -> None:
    image = signed(photographs())[0]
    value = unaltered(image, 8)
    assert unaltered(-image, 8) == pytest.approx(value, rel=1e-4)
    assert unaltered(image[[2, 0, 1]], 8) == pytest.approx(value, rel=1e-4)
    assert unaltered(np.ascontiguousarray(np.rot90(image, 1, (1, 2))), 8) == pytest.approx(
        value, rel=1e-4
    )


def test_the_ratio_of_two_blocks_by_hand() -> None:
    """Two grey blocks side by side: every side against every side in four ways, one by one."""
    image = RNG.normal(0, 40, (1, 4, 8)).astype(np.float32)
    borders = borders_of(image, 4)
    constant, *weights = borders.weights
    total = 0.0
    for block, side in product(range(2), range(4)):
        odds = {}
        for other, way, sign in product(range(4), (1, -1), (1, -1)):
            logs = constant + borders.own[block, side] + borders.own[1 - block, other]
            for weight, rows, turn in zip(
                weights, (borders.outward, borders.along), (1, way), strict=True
            ):
                step = rows[block, side] - sign * turn * rows[1 - block, other][:, ::way]
                logs += weight * np.log(np.square(step).mean() + 1)
            odds[other, way, sign] = np.exp(np.clip(logs, -30, MOST_ODDS))
        free = 6 / 8
        kept = free + (1 - free) * odds[int(OPPOSITE[side]), 1, 1]
        total += np.log(kept / (free + (1 - free) * np.mean(list(odds.values())))) / 2
    assert unaltered(image, 4) == pytest.approx(total, rel=1e-4)


def test_of_quarters_in_any_order_only_the_first_lies_as_it_belongs() -> None:
    images = photographs()[:6]
    quarters = (
        images.reshape(6, 3, 2, 16, 2, 16).transpose(0, 2, 4, 1, 3, 5).reshape(6, 4, 3, 16, 16)
    )
    best = []
    for order in permutations(range(4)):
        laid = quarters[:, list(order)].reshape(6, 2, 2, 3, 16, 16)
        laid = laid.transpose(0, 3, 1, 4, 2, 5).reshape(6, 3, 32, 32)
        best.append([as_it_lies(each, 16) for each in signed(laid)])
    assert (np.argmax(best, axis=0) == 0).all()
    assert (np.array(best[0]) > 0).all()
    assert np.mean(np.array(best[1:]) < -block_edges.BAR_ORDER) > 0.95


def test_photographs_touch_as_they_lie() -> None:
    plain = [odds_as_they_lie(each, 8) for each in signed(photographs())]
    moved = [odds_as_they_lie(each, 8) for each in signed(encrypted("patch-shuffle", patch_size=8))]
    assert np.mean(plain) > 2 > 0 > np.mean(moved)
    # Blocks of twice the edge keep what lies inside them.
    larger = [odds_as_they_lie(each, 8) for each in signed(encrypted("etc", block_size=16))]
    assert np.mean(larger) > 2


def test_noise_does_not_touch() -> None:
    values = [unaltered(each, 8) for each in signed(pads(8))]
    assert np.abs(values).max() < 5
    assert max(odds_as_they_lie(each, 8) for each in signed(pads(8))) < block_edges.BAR_FITS


def test_the_sides_of_a_block() -> None:
    image = np.zeros((1, 4, 8), np.float32)
    image[0, :, 3] = 6
    borders = borders_of(image, 4)
    # From 0 to 6 in the last step: half a step farther it is 9.
    assert borders.outward[0, RIGHT].tolist() == [[9, 9, 9, 9]]
    assert not borders.along[0, RIGHT].any()


def test_neighbours_are_alike_under_one_key_in_blocks() -> None:
    images = photographs()[::6]
    stays = [neighbours_z(each, 4) for each in signed(encrypted("block-defence", images=images))]
    moved = [
        neighbours_z(each, 4)
        for each in signed(encrypted("vit-blocks", images=images, block_size=4))
    ]
    assert min(stays) > 3
    assert abs(np.mean(moved)) < 1


def test_no_whole_blocks_are_not_altered() -> None:
    sample = Sample(photographs())
    found = {"content": Finding("content", "yes", "", "", None, "", what="photographs")}
    assert altered.test(sample, found).answer == "undecided"
