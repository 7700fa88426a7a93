"""Known plaintexts under the enforced threat model: what a run recovers and what it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.known_plaintext import KnownPlaintext
from ppattack.errors import ConfigError, DataError, ThreatModelError
from ppattack.metrics.keys import key_agreement
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import PermXorTarget, Target
from ppattack.threat import ThreatModel
from targets.ele import ELE
from targets.etc import EtC
from targets.le import LE
from targets.one_time_pad import OneTimePad
from targets.pe import PE
from tests.conftest import smooth_sets

CONTEXT = Context(torch.device("cpu"), seed=3)


def attacked(target: Target, **settings: Any) -> tuple[Recovery, Scenario]:
    attack = KnownPlaintext(**settings)
    sets = smooth_sets(4 + attack.config.pairs, 4, 32)
    scenario = simulate(attack, target, sets, "dataset", seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def exact(recovery: Recovery, scenario: Scenario, target: PermXorTarget) -> bool:
    assert recovery.key is not None
    assert scenario.truth.key is not None
    return key_agreement(recovery.key, target.permxor(scenario.truth.key)).exact


def share_of_bytes(recovery: Recovery, scenario: Scenario) -> float:
    assert recovery.images is not None
    assert scenario.truth.images is not None
    return float((recovery.images == scenario.truth.images).float().mean())


@pytest.mark.parametrize(
    ("target", "pairs"),
    [
        (LE(), 1),
        (LE(variant="ito"), 1),
        (PE(), 1),
        (PE(color_shuffle=True), 4),
        (EtC(block_size=4), 1),
        (EtC(), 1),
        (ELE(), 24),
        (ELE(variant="madono"), 24),
    ],
    ids=repr,
)
def test_pairs_that_suffice_give_key_and_images(target: PermXorTarget, pairs: int) -> None:
    recovery, scenario = attacked(target, pairs=pairs)
    assert exact(recovery, scenario, target)
    assert share_of_bytes(recovery, scenario) == 1.0
    assert recovery.notes["certain symbols"] == 1.0
    assert recovery.notes["pairs explained"] == 1.0
    assert len(scenario.observation.ciphertexts) == 4


def test_every_registered_permutation_and_mask_is_broken() -> None:
    targets = {name: registry.target(name)() for name in registry.names("target")}
    broken = 0
    for name, target in targets.items():
        if isinstance(target, PermXorTarget) and "dataset" in target.card.key_scopes:
            recovery, scenario = attacked(target)
            assert recovery.images is not None
            assert scenario.truth.key is not None
            decrypted = target.decrypt(scenario.observation.ciphertexts, scenario.truth.key)
            assert (recovery.images == decrypted).float().mean() > 0.99, name
            broken += 1
    assert broken >= 7


def test_lossy_published_code() -> None:
    target = EtC(variant="ito", block_size=4)
    recovery, scenario = attacked(target, pairs=2)
    assert exact(recovery, scenario, target)
    assert 0.5 < share_of_bytes(recovery, scenario) < 1.0


def test_without_structure() -> None:
    recovery, scenario = attacked(EtC(block_size=4), structure=False)
    assert recovery.notes["structure"] == "any"
    assert recovery.notes["unit"] == "byte"
    assert exact(recovery, scenario, EtC(block_size=4))
    nibbles, scenario = attacked(EtC(block_size=4), structure=False, unit="nibble", pairs=40)
    assert nibbles.notes["unit"] == "nibble"
    assert share_of_bytes(nibbles, scenario) > 0.99


def test_nothing_is_learnt_from_pairs_under_other_pads() -> None:
    attack = KnownPlaintext(pairs=6)
    scenario = simulate(
        attack, OneTimePad(), smooth_sets(14, 4, 32), "image", seed=5, vain_pairs=True
    )
    recovery = attack(scenario.observation, CONTEXT)
    assert share_of_bytes(recovery, scenario) < 0.01
    assert recovery.notes["pairs explained"] < 0.01


def test_what_it_is_refused() -> None:
    with pytest.raises(ThreatModelError, match="key-scope dataset"):
        simulate(KnownPlaintext(), EtC(), smooth_sets(12, 4, 32), "image", seed=0)
    with pytest.raises(DataError, match="8 known pairs leave no image"):
        simulate(KnownPlaintext(), EtC(), smooth_sets(8, 4, 32), "dataset", seed=0)
    with pytest.raises(ConfigError, match="pairs"):
        KnownPlaintext(pairs=0)
    _, scenario = attacked(EtC(), pairs=1)
    with pytest.raises(ThreatModelError, match="2 known pairs"):
        KnownPlaintext(pairs=2)(scenario.observation, CONTEXT)
    assert KnownPlaintext(pairs=3).requires() == ThreatModel(pairs=3)
