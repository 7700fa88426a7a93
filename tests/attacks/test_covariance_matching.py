"""Covariance matching: which keys it recovers from ciphertexts alone, and where it must fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ppattack
from ppattack.attack import Context, Recovery
from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.block_states import transformation
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, ThreatModelError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.solvers.global_state import choice
from ppattack.target import PermXorTarget
from ppattack.threat import KeyScope, Observation, ThreatModel
from tests.conftest import smooth_sets
from tests.support.natural import natural_sets
from tests.support.plugins import ciphers
from tests.support.run_requests import request
from tests.support.shuffled_blocks import ShuffledBlocks

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=2**127 + 3)
SCORER = ImageScorer(CONTEXT.device, "not needed here")
EXACT: list[tuple[str, dict[str, Any], int]] = [
    ("pe", {}, 3),
    ("pe", {"color_shuffle": True}, 3),
    ("pe", {}, 1),
    ("plain", {}, 3),
]


def make(name: str, **settings: Any) -> PermXorTarget:
    target = registry.target(name)(**settings)
    assert isinstance(target, PermXorTarget)
    return target


def attacked(
    target: PermXorTarget, sets: ImageSets, scope: KeyScope = "dataset", **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = CovarianceMatching(**settings)
    scenario = simulate(attack, target, sets, scope, seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def gain(recovery: Recovery, scenario: Scenario, target: PermXorTarget) -> float:
    found = evaluate(recovery, scenario, target, SCORER, seed=0).scores.main_gain()
    assert found is not None
    return float(found[1].mean)


def true_key(target: PermXorTarget, scenario: Scenario) -> PermXor:
    assert scenario.truth.key is not None
    return target.permxor(scenario.truth.key)


def assert_exact(target: PermXorTarget, sets: ImageSets, **settings: Any) -> None:
    """The key comes back to the last symbol, and so do the images."""
    recovery, scenario = attacked(target, sets, **settings)
    assert recovery.key is not None
    assert recovery.images is not None
    assert scenario.truth.images is not None
    key = true_key(target, scenario)
    assert np.array_equal(recovery.key.index, key.index)
    assert np.array_equal(recovery.key.mask, key.mask)
    assert torch.equal(recovery.images, scenario.truth.images)


@pytest.mark.parametrize(("name", "settings", "channels"), EXACT, ids=str)
def test_pixel_wise_keys_are_exact(name: str, settings: dict[str, Any], channels: int) -> None:
    assert_exact(make(name, **settings), natural_sets(60, 300, channels=channels))


@pytest.mark.parametrize("settings", [{}, {"variant": "ito", "legacy_seed": 0}], ids=str)
def test_the_key_of_a_shared_block_is_exact(settings: dict[str, Any]) -> None:
    assert_exact(make("le", **settings), natural_sets(60, 300))


def test_every_nibble_of_scrambled_blocks_is_found() -> None:
    assert_exact(make("ele"), natural_sets(800, 1500))


@pytest.mark.slow
def test_blocks_too_many_to_match_at_once_are_matched_one_by_one() -> None:
    target = make("ele")
    recovery, scenario = attacked(target, natural_sets(100, 100, size=36))
    assert recovery.key is not None
    assert recovery.notes["blocks"] == 81
    right = recovery.key.index == true_key(target, scenario).index
    assert right.mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "count"),
    [({}, 60), ({"whole_pixels": True}, 60), ({"whole_pixels": True, "moves_blocks": True}, 300)],
)
def test_bytes_shuffled_alike_in_all_blocks_are_found(settings: dict[str, Any], count: int) -> None:
    assert_exact(ShuffledBlocks(**settings), natural_sets(count, 1500))


@pytest.mark.parametrize("structure", ["any-byte", "any-nibble"])
def test_without_the_structure_many_ciphertexts_are_enough(structure: str) -> None:
    sets = natural_sets(600, 1500)
    target = make("pe" if structure == "any-byte" else "le")
    assert_exact(target, sets, structure=structure)
    one_time, scenario = attacked(target, sets, "image", structure=structure)
    assert gain(one_time, scenario, target) < 0.02


def test_scrambled_blocks_go_to_their_own_solver() -> None:
    target = make("etc", block_size=4)
    recovery, _ = attacked(target, natural_sets(100, 300))
    assert recovery.key is not None
    assert recovery.key.is_bijective
    assert recovery.notes["structure"] == "blocks-dihedral, bytes"


def test_a_key_learned_from_a_few_ciphertexts_decrypts_all() -> None:
    sets = natural_sets(80, 300)
    recovery, scenario = attacked(make("pe"), sets, ciphertexts=30)
    assert recovery.notes["ciphertexts_used"] == 30
    assert recovery.images is not None
    assert scenario.truth.images is not None
    assert torch.equal(recovery.images, scenario.truth.images)


@pytest.mark.parametrize("name", ["pe", "le", "etc"])
def test_a_fresh_key_an_image_leaves_nothing_to_find(name: str) -> None:
    target = make(name)
    sets = natural_sets(48, 100)
    one_key = gain(*attacked(target, sets), target)
    assert one_key > 0.5
    assert gain(*attacked(target, sets, "image"), target) < 0.02


def test_a_one_time_pad_gives_nothing_away() -> None:
    target = make("one-time-pad")
    assert gain(*attacked(target, natural_sets(48, 100), "image"), target) < 0.01


def test_images_that_are_no_multiple_of_the_block_are_padded() -> None:
    recovery, scenario = attacked(make("le"), natural_sets(60, 300, size=18))
    assert recovery.images is not None
    assert scenario.truth.images is not None
    assert recovery.images.shape == scenario.truth.images.shape
    assert torch.equal(recovery.images, scenario.truth.images)


def test_it_asks_for_public_images_and_nothing_else() -> None:
    attack = CovarianceMatching()
    assert attack.requires() == ThreatModel(public="unpaired")
    bare = Observation(
        threat=ThreatModel(),
        scheme=make("pe").public(own_keys=False),
        ciphertexts=natural_sets(8, 8).victims,
        image_shape=(3, 16, 16),
    )
    with pytest.raises(ThreatModelError, match="public images"):
        attack(bare, CONTEXT)


def test_keys_too_large_to_match_are_refused_in_one_sentence() -> None:
    scheme = make("le", block_size=32).public()
    reason = CovarianceMatching().obstacle(scheme, (3, 64, 64))
    assert reason is not None
    assert "6144 nibbles" in reason
    with pytest.raises(ConfigError, match="too large"):
        simulate(
            CovarianceMatching(), make("le", block_size=32), natural_sets(4, 4, 32), "dataset", 0
        )


def test_controls_are_as_hard_as_the_case() -> None:
    forced = CovarianceMatching(structure="any-byte", ciphertexts=20)
    assert forced.at_control_budget().config.structure == "auto"
    assert forced.at_control_budget().config.ciphertexts == 20
    any_byte = ciphers.Scattered().public()
    for attack, scheme in ((forced, make("le").public()), (CovarianceMatching(), any_byte)):
        control = attack.positive_control(scheme)
        assert (control.target, dict(control.settings)) == ("etc", {"block_size": 4})
        assert control.same_count
        assert attack.for_control(scheme).config.structure == "any-byte"
    nibbles = CovarianceMatching(structure="any-nibble").positive_control(any_byte)
    assert (nibbles.target, nibbles.same_count) == ("ele", True)
    for name, settings in (("le", {}), ("pe", {}), ("ele", {}), ("etc", {"block_size": 8})):
        control = CovarianceMatching().positive_control(make(name, **settings).public())
        assert control.target == name
        made = registry.target(name)(**control.settings)
        assert made.structure() == make(name, **settings).structure()


def test_too_few_ciphertexts_for_a_free_key_say_how_many_are_needed() -> None:
    sets = smooth_sets(32, 64, 8)
    for target in (ciphers.Scattered(), make("pe")):
        scenario = simulate(CovarianceMatching(), target, sets, "dataset", 0)
        found = CovarianceMatching()(scenario.observation, CONTEXT)
        free = target.structure().kind == "any"
        assert ("32 ciphertexts are too few" in found.limits) is free
        assert ("about 1,000 are needed (-n 1000)" in found.limits) is free


def test_few_ciphertexts_of_a_free_permutation_are_no_resistance(tmp_path: Path) -> None:
    target = f"{ciphers.__file__}:Scattered"
    asked = request(tmp_path, attack="covariance-matching", target=target, size=16, victims=32)
    done = ppattack.run(asked)
    assert done.report.verdict == "INCONCLUSIVE"
    assert "about 1,000 are needed" in done.report.reason
    assert done.report.controls.positive is None


def test_a_mask_that_it_does_not_know_is_no_resistance(tmp_path: Path) -> None:
    target = f"{ciphers.__file__}:Masked"
    asked = request(tmp_path, attack="covariance-matching", target=target, size=16, victims=500)
    report = ppattack.run(asked).report
    assert report.verdict == "INCONCLUSIVE"
    assert "the scheme does not say that it is one" in report.reason


@pytest.mark.slow
def test_scrambled_nibbles_of_two_photographs_come_back_up_to_the_state() -> None:
    sets = registry.dataset("photos").load(ImageRequest(1000, 2000, 32))
    target = make("ele")
    recovery, scenario = attacked(target, sets)
    assert recovery.key is not None
    group = choice.group_for(3)
    found = [
        recovery.key.after(transformation(state, (3, 32, 32), group).as_nibbles())
        for state in range(group.count)
    ]
    high = true_key(target, scenario).index >= 3072
    right = [(key.index == true_key(target, scenario).index)[high].mean() for key in found]
    assert max(right) > 0.99
