"""Exhaustive search: what one ciphertext gives away, and where it must fail or refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.exhaustive import Exhaustive
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, ImageError
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import PermXorTarget
from ppattack.threat import KeyScope, Observation, ThreatModel
from tests.support.natural import natural_images, natural_sets
from tests.support.schemes import noise

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
SCORER = ImageScorer(CONTEXT.device, "not needed here")


def make(name: str, **settings: Any) -> PermXorTarget:
    target = registry.target(name)(**settings)
    assert isinstance(target, PermXorTarget)
    return target


def attacked(
    target: PermXorTarget, sets: ImageSets, scope: KeyScope, **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = Exhaustive(**{"epochs": 0} | settings)
    scenario = simulate(attack, target, sets, scope, seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def scored(recovery: Recovery, scenario: Scenario, target: PermXorTarget) -> Evaluation:
    return evaluate(recovery, scenario, target, SCORER, seed=0)


def gain(found: Evaluation) -> float:
    values = found.scores.main_gain()
    assert values is not None
    return float(values[1].mean)


@pytest.mark.parametrize("channels", [3, 1])
def test_a_fresh_key_an_image_is_no_protection(channels: int) -> None:
    target = make("etc", block_size=8)
    recovery, scenario = attacked(target, natural_sets(40, 300, 16, channels), "image")
    found = scored(recovery, scenario, target)
    assert recovery.up_to_state
    assert recovery.key is not None
    assert recovery.key.count == 40
    assert found.scores.puzzle is not None
    assert found.scores.puzzle.neighbour > 0.9
    assert found.best_state_ssim is not None
    assert found.best_state_ssim.mean > 0.95
    assert gain(found) > 0.2


@pytest.mark.parametrize("size", [16, 14])
def test_under_one_key_the_key_is_exact(size: int) -> None:
    target = make("etc", block_size=8)
    recovery, scenario = attacked(target, natural_sets(40, 300, size), "dataset")
    assert recovery.key is not None
    assert recovery.images is not None
    assert scenario.truth.key is not None
    assert scenario.truth.images is not None
    key = target.permxor(scenario.truth.key)
    assert np.array_equal(recovery.key.index, key.index)
    assert np.array_equal(recovery.key.mask, key.mask)
    assert torch.equal(recovery.images, scenario.truth.images)


def test_a_network_that_learned_states_chooses_them() -> None:
    target = make("etc", block_size=8)
    recovery, scenario = attacked(target, natural_sets(40, 300), "image", epochs=2)
    assert gain(scored(recovery, scenario, target)) > 0.2


def test_without_public_images_the_state_is_left_as_found() -> None:
    target = make("etc", block_size=8)
    recovery, scenario = attacked(target, natural_sets(40, 20), "image", prior="none")
    found = scored(recovery, scenario, target)
    assert scenario.observation.threat == ThreatModel(key_scope="image")
    assert found.best_state_ssim is not None
    assert found.best_state_ssim.mean > 0.95
    assert gain(found) < 0.1


@pytest.mark.parametrize("scope", ["image", "dataset"])
def test_noise_gives_nothing_away(scope: KeyScope) -> None:
    target = make("etc", block_size=8)
    recovery, scenario = attacked(target, natural_sets(48, 300), scope)
    seen = scenario.observation
    pad = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=noise(48, (3, 16, 16)),
        image_shape=(3, 16, 16),
        public_images=seen.public_images,
    )
    assert gain(scored(recovery, scenario, target)) > 0.2
    assert gain(scored(Exhaustive(epochs=0)(pad, CONTEXT), scenario, target)) < 0.01


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("etc", {"block_size": 8}, r"16 blocks in 96 states each are 2\^149.6 keys"),
        ("etc", {"block_size": 4}, r"64 blocks in 96 states each are 2\^717.4 keys"),
        ("pe", {}, "does not keep them whole"),
        ("le", {}, "does not keep them whole"),
        ("ele", {}, "does not keep them whole"),
        ("one-time-pad", {}, "does not keep them whole"),
    ],
)
def test_hopeless_searches_are_refused(name: str, settings: dict[str, Any], why: str) -> None:
    target = make(name, **settings)
    with pytest.raises(ConfigError, match=why) as caught:
        simulate(Exhaustive(), target, natural_sets(4, 4, 32), "dataset", 0)
    assert "covariance-matching" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grey_blocks_have_fewer_states() -> None:
    reason = Exhaustive().obstacle(make("etc", block_size=8).public(), (1, 32, 32))
    assert reason is not None
    assert "16 blocks in 16 states" in reason


def test_blocks_of_one_pixel_teach_nothing() -> None:
    scheme = make("etc", block_size=1).public()
    assert "one pixel" in str(Exhaustive(prior="none").obstacle(scheme, (3, 2, 2)))
    assert Exhaustive().obstacle(scheme, (3, 2, 2)) is None


def test_public_images_of_another_size_are_refused() -> None:
    sets = ImageSets("mixed", natural_images(8, 16), natural_images(30, 32))
    with pytest.raises(ImageError, match="use images of the victims' size"):
        attacked(make("etc", block_size=8), sets, "image")


def test_controls_are_quick_and_have_the_schemes_blocks() -> None:
    control = Exhaustive().positive_control(make("etc", block_size=8).public())
    assert (control.target, control.settings) == ("etc", {"block_size": 8})
    assert Exhaustive(epochs=30).at_control_budget().config.epochs == 0
