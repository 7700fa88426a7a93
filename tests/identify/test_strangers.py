"""Files that do not fit the rest of their folder are named, and no others."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from ppattack.identify.examination import examine
from ppattack.identify.one_key import orders, ratios_of_pairs, signs
from ppattack.identify.sample import Sample
from ppattack.identify.strangers import FEWEST, has_seams, strangers
from tests.support.folders_of_ciphertexts import Bytes, encrypted, pads, photographs, shuffled

ODD = 11
Scope = Literal["dataset", "image"]


def named(images: Bytes) -> dict[int, str]:
    sample = Sample(images[:FEWEST])
    return strangers(sample, examine(sample))


def with_one(images: Bytes, odd: Bytes) -> Bytes:
    made = images.copy()
    made[ODD] = odd[ODD]
    return made


HOSTS: tuple[tuple[str, Scope, dict[str, Any]], ...] = (
    ("pe", "dataset", {}),
    ("ele", "dataset", {}),
    ("le", "image", {}),
    ("vit-blocks", "dataset", {"block_size": 4}),
)


@pytest.mark.parametrize(("target", "scope", "settings"), HOSTS)
def test_a_file_of_noise_among_ciphertexts_is_named(
    target: str, scope: Scope, settings: dict[str, Any]
) -> None:
    images = encrypted(target, scope, **settings)
    assert list(named(with_one(images, pads()))) == [ODD]


def test_a_file_under_another_key_is_named() -> None:
    images = encrypted("pe")
    assert named(with_one(images, encrypted("pe", seed=8))) == {
        ODD: "does not have the key of the others"
    }


def test_whole_blocks_that_are_not_as_the_others_are_named() -> None:
    images = photographs()
    found = named(with_one(images, encrypted("etc", block_size=8)))
    assert found == {ODD: "has seams every 8 px, as the others have not"}
    altered = encrypted("etc", block_size=8)
    found = named(with_one(altered, images))
    assert found == {ODD: "has no seams every 8 px, as the others have"}
    kept = encrypted("patch-shuffle", patch_size=8)
    assert named(with_one(altered, kept)) == {ODD: "has blocks that are moved as they are"}


def test_a_folder_of_two_kinds_has_no_strangers() -> None:
    images = encrypted("pe")
    images[::3] = shuffled("byte")[::3]
    assert named(images) == {}


def test_few_files_are_not_compared() -> None:
    assert named(with_one(encrypted("pe"), pads())[1:FEWEST]) == {}


def test_pairs_under_keys_of_their_own_agree_by_chance() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(60, 400)).astype(np.float32)
    upper = np.triu_indices(60, 1)
    flipped = rows * rng.choice([-1, 1], rows.shape)
    assert ratios_of_pairs(flipped, signs)[upper].mean() == pytest.approx(1, abs=0.1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    assert ratios_of_pairs(centred, orders)[upper].mean() == pytest.approx(1, abs=0.1)


def test_seams_of_one_file() -> None:
    plain, moved = (Sample(each).signed for each in (photographs()[:12], encrypted("etc")[:12]))
    assert not any(has_seams(each, 16) or has_seams(each, 8) for each in plain)
    assert np.mean([has_seams(each, 16) for each in moved]) > 0.7
