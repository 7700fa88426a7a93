"""The state of all images is found where ciphertexts went through JPEG, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.jpeg import Jpeg
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.threat import KeyScope, Observation
from tests.support.natural import natural_sets
from tests.support.schemes import noise

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
ATTACKS: list[tuple[str, dict[str, Any], int]] = [
    ("covariance-matching", {}, 0),
    ("covariance-matching", {}, 1),
    ("covariance-matching", {}, 2),
    ("jigsaw", {}, 3),
    ("exhaustive", {"epochs": 0}, 1),
    ("exhaustive", {"epochs": 0}, 3),
]


def attacked(
    name: str, settings: dict[str, Any], scope: KeyScope, seed: int, jpeg: Jpeg
) -> tuple[Recovery, Scenario]:
    attack = registry.attack(name)(**settings)
    sets = natural_sets(24, 240, 32)
    scenario = simulate(attack, registry.target("etc")(), sets, scope, seed, jpeg=jpeg)
    return attack(scenario.observation, CONTEXT), scenario


def right(recovery: Recovery, scenario: Scenario) -> float:
    """The part of the images that is right but for what JPEG takes; another state is far off."""
    assert recovery.images is not None
    assert scenario.truth.images is not None
    off = (recovery.images.float() - scenario.truth.images.float()).abs().mean((1, 2, 3))
    return float((off < 8).double().mean())


@pytest.mark.parametrize("subsampling", ["444", "420"])
@pytest.mark.parametrize(("name", "settings", "seed"), ATTACKS, ids=str)
def test_all_images_come_back_in_their_own_state(
    name: str, settings: dict[str, Any], seed: int, subsampling: str
) -> None:
    jpeg = Jpeg.read(f"85:{subsampling}")
    recovery, scenario = attacked(name, settings, "dataset", seed, jpeg)
    assert right(recovery, scenario) == 1.0
    assert 0.5 < recovery.notes["global_state_probability"] < 1.0


def test_with_a_key_an_image_halved_colours_mislead_no_more() -> None:
    recovery, scenario = attacked("exhaustive", {"epochs": 0}, "image", 0, Jpeg(85, "420"))
    assert right(recovery, scenario) > 0.4


@pytest.mark.parametrize("name", ["covariance-matching", "exhaustive"])
def test_noise_gives_nothing_away_after_jpeg(name: str) -> None:
    jpeg = Jpeg(85, "420")
    attack = registry.attack(name)()
    sets = natural_sets(24, 240, 32)
    scenario = simulate(attack, registry.target("etc")(), sets, "dataset", 1, jpeg=jpeg)
    seen = scenario.observation
    pad = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=jpeg.transport(noise(24, (3, 32, 32))),
        image_shape=seen.image_shape,
        public_images=seen.public_images,
        jpeg=jpeg,
    )
    recovery = attack(pad, CONTEXT)
    assert right(recovery, scenario) == 0.0
    assert recovery.notes["global_state_probability"] < 0.5
