"""Places of a block that continue in the block beside it."""

from __future__ import annotations

import numpy as np
import pytest

from ppattack.identify.counterparts import _distances, counterparts_z
from ppattack.identify.finding import Finding
from ppattack.identify.properties import moved
from ppattack.identify.sample import Sample
from tests.support.folders_of_ciphertexts import encrypted, photographs

IMAGES = photographs()[::6]


def counterparts(images: np.ndarray) -> list[float]:
    return [counterparts_z(each, 8) for each in Sample(images).signed]


def test_one_key_in_all_blocks_changes_nothing_unless_blocks_move() -> None:
    stays = counterparts(
        encrypted("block-defence", images=IMAGES, block_size=8, transformation="shf-np")
    )
    assert stays == pytest.approx(counterparts(IMAGES), rel=1e-3)
    assert min(stays) > 2.5
    gone = counterparts(encrypted("vit-blocks", images=IMAGES, block_size=8))
    assert max(np.abs(gone)) < 2.5


def test_a_key_in_each_block_leaves_no_counterparts() -> None:
    assert max(np.abs(counterparts(encrypted("ele", images=IMAGES, block_size=8)))) < 3


def test_the_distance_of_two_places_by_hand() -> None:
    first = np.array([[10.0, 0.0], [-10.0, 0.0]], np.float32)
    second = np.array([[10.0, -10.0], [-10.0, 10.0]], np.float32)
    # The squared differences are 0, 800 and 200; the powers 200 each, and one level for each pair.
    wanted = [[(0 + 4) / 404, (800 + 4) / 404], [204 / 204, 204 / 204]]
    assert _distances(first, second) == pytest.approx(np.array(wanted), rel=1e-5)


def test_flat_blocks_have_no_nearer_counterparts_in_any_order() -> None:
    assert counterparts_z(np.zeros((3, 32, 32), np.float32), 8) == pytest.approx(0, abs=1e-3)


def test_few_blocks_of_one_file_stay_or_move() -> None:
    found = {
        name: Finding(name, "yes", "", "", None, "", what=what)
        for name, what in (("content", "shared blocks"), ("shared-blocks", 8), ("unit", "byte"))
    }
    answers = [
        [moved.test(Sample(made[i : i + 1]), found).answer for i in range(len(made))]
        for made in (
            encrypted("block-defence", images=IMAGES, block_size=8),
            encrypted("vit-blocks", images=IMAGES, block_size=8),
        )
    ]
    assert answers[0] == ["no"] * len(IMAGES)
    assert "no" not in answers[1]
