"""Pairs against secret matrices: what must be exact, and what must not be claimed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.linear_regression import LinearRegression
from ppattack.errors import NotApplicable
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from ppattack.threat import KeyScope
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.patch_mix import PatchMix
from targets.rmt import RandomMultidimensionalTransformation
from targets.rom import RandomOrthogonalMatrix
from tests.conftest import smooth_sets

CONTEXT = Context(torch.device("cpu"), seed=7)


def attacked(
    attack: LinearRegression, target: Target, scope: KeyScope = "dataset"
) -> tuple[Scenario, Recovery, float]:
    sets = smooth_sets(12 + attack.config.pairs, 24, size=32)
    scenario = simulate(attack, target, sets, scope, seed=3, vain_pairs=True)
    recovery = attack(scenario.observation, CONTEXT)
    assert recovery.images is not None
    assert scenario.truth.images is not None
    json.dumps(dict(recovery.notes))
    return scenario, recovery, float(ssim(recovery.images, scenario.truth.images).mean())


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        (RandomOrthogonalMatrix(block_size=4), {"pairs": 4}),
        (RandomOrthogonalMatrix(block_size=4, scramble=True), {"pairs": 4}),
        (RandomOrthogonalMatrix(block_size=4), {"chosen": 1}),
        (RandomMultidimensionalTransformation(), {"pairs": 4}),
        (RandomMultidimensionalTransformation(block_size=8), {"chosen": 1}),
    ],
    ids=repr,
)
def test_images_come_back_exactly(target: Target, settings: dict[str, Any]) -> None:
    scenario, recovery, _ = attacked(LinearRegression(**settings), target)
    assert recovery.images is not None
    assert scenario.truth.images is not None
    assert torch.equal(recovery.images, scenario.truth.images)
    assert recovery.limits == ""
    assert recovery.notes["directions known"] == 1


def test_too_few_pairs_say_so() -> None:
    target = RandomOrthogonalMatrix(block_size=8)
    _, recovery, quality = attacked(LinearRegression(pairs=1), target)
    assert "more" in recovery.limits
    assert recovery.notes["directions known"] < 0.1
    assert quality < 0.99


def test_noise_leaves_images_nearly_exact() -> None:
    target = RandomMultidimensionalTransformation(noise=10)
    _, _, quality = attacked(LinearRegression(pairs=8), target)
    assert quality > 0.9


def test_a_scheme_without_a_key_needs_no_pair() -> None:
    _, _, quality = attacked(LinearRegression(pairs=0), PatchMix(quarter=2))
    assert quality > 0.85
    _, vain, worse = attacked(LinearRegression(pairs=0), RandomOrthogonalMatrix(block_size=4))
    assert "set attack.pairs" in vain.limits
    assert worse < 0.3


def test_pairs_under_other_keys_gain_nothing() -> None:
    target = RandomOrthogonalMatrix(block_size=4)
    _, recovery, quality = attacked(LinearRegression(), target, "image")
    assert "unexplained" in recovery.limits
    assert quality < 0.2


def test_other_schemes_are_refused() -> None:
    attack = LinearRegression()
    with pytest.raises(NotApplicable, match="multiplies blocks"):
        attacked(attack, ColorNeuraCrypt(variant="small"))


@pytest.mark.parametrize(
    ("name", "size", "moved"), [("rom", 16, False), ("rom", 8, True), ("rmt", 8, True)]
)
def test_the_control_is_as_hard_as_the_case(name: str, size: int, moved: bool) -> None:
    scheme = registry.target(name)(block_size=size, scramble=moved).public()
    control = LinearRegression(pairs=4).positive_control(scheme)
    assert control.target == name
    assert control.settings == {"block_size": size, "scramble": moved}
