"""Every attack on a scheme whose ciphertexts have another shape than the images."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.errors import ConfigError
from ppattack.metrics.keys import key_agreement
from ppattack.metrics.states import best_state_ssim
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from targets.etc_gray import EtcGray
from tests.support.natural import natural_sets

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
TARGETS = [EtcGray(), EtcGray(subsampling="420"), EtcGray(color_space="rgb")]


def attacked(
    name: str, target: EtcGray, size: int = 32, **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = registry.attack(name)(preset="smoke", **settings)
    scenario = simulate(attack, target, natural_sets(40, 200, size), "dataset", seed=2)
    return attack(scenario.observation, CONTEXT), scenario


def decrypted(target: EtcGray, scenario: Scenario) -> torch.Tensor:
    """What the key holder sees."""
    assert scenario.truth.key is not None
    return target.decrypt(scenario.observation.ciphertexts, scenario.truth.key)


@pytest.mark.parametrize("size", [32, 30])
@pytest.mark.parametrize("name", ["chosen-plaintext", "known-plaintext"])
@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_pairs_give_what_the_key_holder_sees(target: EtcGray, name: str, size: int) -> None:
    recovery, scenario = attacked(name, target, size)
    assert recovery.images is not None
    inner = size if size == 32 or target.config.subsampling == "444" else size - 2
    same = recovery.images == decrypted(target, scenario)
    # Halved chroma at a padded border is an average of its own, and no copy of its neighbour.
    assert same[..., :inner, :inner].all()
    assert recovery.key is not None
    assert scenario.truth.key is not None
    if size == 32:
        assert key_agreement(recovery.key, target.permxor(scenario.truth.key)).exact


@pytest.mark.parametrize("target", TARGETS, ids=repr)
def test_covariance_matching_up_to_the_global_state(target: EtcGray) -> None:
    recovery, scenario = attacked("covariance-matching", target)
    assert recovery.images is not None
    assert scenario.truth.images is not None
    best = best_state_ssim(recovery.images, scenario.truth.images, shared=True)
    assert best.mean() > 0.8
    cipher = best_state_ssim(scenario.truth.images.roll(1, 0), scenario.truth.images, shared=True)
    assert cipher.mean() < 0.5


@pytest.mark.parametrize(
    ("name", "settings"),
    [("fr", {}), ("fr", {"mode": "advanced"}), ("itn", {"epochs": 1}), ("itn", {"levels": 5})],
)
def test_attacks_that_do_not_move_blocks_give_back_colour_images(
    name: str, settings: dict[str, Any]
) -> None:
    recovery, scenario = attacked(name, EtcGray(), 30, **settings)
    assert recovery.images is not None
    assert tuple(recovery.images.shape) == (40, 3, 30, 30)
    assert not torch.equal(recovery.images, decrypted(EtcGray(), scenario))


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("known-seed", {}, "no published code"),
        ("fr", {"mode": "same-key"}, "works on blocks"),
        ("chosen-plaintext", {"unit": "nibble"}, "nibbles cannot be chosen"),
        ("chosen-plaintext", {"images": 3}, "need 4 chosen plaintexts"),
        ("exhaustive", {}, "too many to search"),
    ],
)
def test_the_others_are_refused_for_a_reason(
    name: str, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        attacked(name, EtcGray(), **settings)
