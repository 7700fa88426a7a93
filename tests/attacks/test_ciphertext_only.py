"""Ciphertext-only: which home-made ciphers fall, and what is said of those that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.ciphertext_only import NOTHING_SHOWN, WRONG_PROOF, CiphertextOnly
from ppattack.data.source import ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from ppattack.threat import KeyScope
from targets.one_time_pad import OneTimePad
from tests.conftest import smooth_sets
from tests.support.home_made import cipher
from tests.support.natural import natural_images, natural_sets
from tests.support.plugins import strong_ciphers
from tests.support.plugins.least import Shifted

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
STRONG = [
    strong_ciphers.FreshNonce(),
    strong_ciphers.PadOnce(),
    strong_ciphers.PlaintextKeystream(),
]


def attacked(
    target: Target, sets: ImageSets, scope: KeyScope = "dataset", **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = CiphertextOnly(**settings)
    scenario = simulate(attack, target, sets, scope, seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def likeness(recovery: Recovery, scenario: Scenario) -> float:
    assert recovery.images is not None
    assert scenario.truth.images is not None
    return float(ssim(recovery.images, scenario.truth.images).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("PermuteXor", {}),
        ("Diffusion", {"backward": True, "scan": "hwc"}),
        ("Substitution", {}),
    ],
    ids=str,
)
def test_bytes_that_moved_under_a_mask_or_table_come_back(
    name: str, settings: dict[str, Any]
) -> None:
    recovery, scenario = attacked(cipher(name, **settings), natural_sets(600, 1500))
    assert not recovery.refuted
    assert recovery.limits == WRONG_PROOF
    assert likeness(recovery, scenario) > 0.9
    assert recovery.map is not None
    again = recovery.map.invert(scenario.observation.ciphertexts)
    assert recovery.images is not None
    assert torch.equal(again, recovery.images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings", "count", "words"),
    [
        ("SecretMatrix", {}, 300, "one orthogonal matrix"),
        ("SecretMatrix", {"orthogonal": False}, 1000, "one matrix, not orthogonal"),
        ("SecretMatrix", {"own": True}, 300, "a matrix of its own"),
        ("DctSigns", {}, 300, "signs"),
    ],
)
def test_linear_ciphers_come_back(
    name: str, settings: dict[str, Any], count: int, words: str
) -> None:
    recovery, scenario = attacked(cipher(name, **settings), natural_sets(count, 1500))
    assert not recovery.refuted
    assert words in recovery.notes["model"]
    assert recovery.limits == WRONG_PROOF
    assert likeness(recovery, scenario) > 0.85


def test_one_ciphertext_is_enough_where_there_are_few_keys() -> None:
    recovery, scenario = attacked(cipher("Arnold"), natural_sets(1, 100))
    assert recovery.images is not None
    assert scenario.truth.images is not None
    assert torch.equal(recovery.images, scenario.truth.images)


def test_a_search_that_met_few_of_the_keys_says_so() -> None:
    recovery, _ = attacked(cipher("Arnold"), smooth_sets(1, 20), model="key-search", draws=2)
    assert recovery.refuted
    assert "of the about" in recovery.limits
    assert "attack.draws=" in recovery.limits


@pytest.mark.parametrize("target", STRONG, ids=lambda target: target.card.name)
def test_nothing_is_claimed_of_strong_ciphers(target: Target) -> None:
    recovery, scenario = attacked(target, smooth_sets(100, 20))
    assert recovery.refuted
    assert recovery.limits == NOTHING_SHOWN
    assert recovery.images is not None
    assert torch.equal(recovery.images, scenario.observation.ciphertexts)


def test_too_few_ciphertexts_are_counted() -> None:
    recovery, _ = attacked(cipher("PermuteXor"), smooth_sets(48, 100))
    assert recovery.refuted
    assert recovery.limits == "too few ciphertexts: 48 of about 300"


def test_a_handful_of_ciphertexts_is_not_called_strong() -> None:
    recovery, _ = attacked(cipher("PermuteXor"), smooth_sets(6, 20))
    assert recovery.limits == "too few ciphertexts: 6 of at least 30"


def test_grey_images_that_are_not_square_come_back() -> None:
    images = natural_images(800, 16, channels=1)[:, :, :10]
    sets = ImageSets("grey", images[:400].clone(), images[400:].clone())
    recovery, scenario = attacked(cipher("PermuteXor"), sets, model="masks")
    assert recovery.map is not None
    assert likeness(recovery, scenario) > 0.9


def test_a_key_per_image_leaves_nothing_to_fit() -> None:
    recovery, _ = attacked(OneTimePad(), smooth_sets(20, 20), "image")
    assert recovery.refuted
    assert "one key per image" in recovery.limits


def test_large_images_are_refused_with_an_estimate() -> None:
    shape = (3, 48, 48)
    noise = np.random.default_rng(0).integers(0, 256, (340, *shape), dtype=np.uint8)
    images = torch.from_numpy(noise // 32 * 32)
    sets = ImageSets("large", images[:320], images[320:])
    recovery, _ = attacked(cipher("Substitution"), sets, model="table")
    assert "6,912 bytes are too large to be matched" in recovery.limits
    assert "GiB" in recovery.limits


def test_own_keys_are_asked_for_only_if_keys_are_tried() -> None:
    assert not CiphertextOnly().requires().own_keys
    assert CiphertextOnly().welcomes_own_keys()
    assert CiphertextOnly(model="key-search").requires().own_keys
    for model in ("masks", "key-search"):
        assert not CiphertextOnly(model=model).welcomes_own_keys()
    assert not CiphertextOnly(model="masks").requires().own_keys


def test_a_key_in_the_code_is_no_obstacle() -> None:
    recovery, scenario = attacked(Shifted(), smooth_sets(40, 100))
    assert not scenario.observation.threat.own_keys
    assert "key-search" in recovery.notes["not"]
    assert recovery.notes["not"]["key-search"] == "no other key can be drawn"
    _, scenario = attacked(cipher("Arnold"), smooth_sets(1, 20))
    assert scenario.observation.threat.own_keys
