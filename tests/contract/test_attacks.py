"""What every registered attack must keep; a new one is tested the day it is registered."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ppattack.config import describe
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.verdict import BROKEN_GAIN
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from tests.support import attack_contract as contract
from tests.support.attack_contract import CONTEXT, positive, smoke

pytestmark = pytest.mark.long

NAMES = registry.names("attack")
ATTACKS = registry.attacks()
"""Without ``none``, which recovers nothing and so has no control that it must break."""


@pytest.mark.parametrize("name", NAMES)
def test_card_and_docstring(name: str) -> None:
    plugin = registry.attack(name)
    card = plugin.card
    assert card.name == name
    assert len(card.title) > 10
    assert card.reference.authors
    assert 1900 < card.reference.year < 2100
    assert bool(card.recovers) == (name in ATTACKS)
    assert plugin.__doc__
    assert all(row["doc"] for row in describe(plugin.Config))


@pytest.mark.parametrize("name", NAMES)
def test_configuration_and_presets(name: str) -> None:
    contract.configuration_and_presets(name)


@pytest.mark.parametrize("name", ATTACKS)
def test_deterministic_for_a_seed_and_input_untouched(name: str) -> None:
    contract.deterministic_for_a_seed_and_input_untouched(name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_gained_on_the_negative_control(name: str) -> None:
    contract.nothing_is_gained_on_the_negative_control(name)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_refuses_ciphertexts_it_cannot_read(name: str) -> None:
    contract.it_refuses_ciphertexts_it_cannot_read(name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ATTACKS)
def test_a_gpu_recovers_as_much(name: str) -> None:
    gains = []
    for device in ("cpu", "cuda"):
        attack = smoke(name).at_control_budget()
        target, scenario = positive(attack)
        context = replace(CONTEXT, device=torch.device(device))
        recovery = attack(scenario.observation, context)
        scorer = ImageScorer(context.device, "not needed here")
        found = evaluate(recovery, scenario, target, scorer, seed=0).scores.main_gain()
        assert found is not None
        gains.append(found[1].mean)
    assert (gains[1] > BROKEN_GAIN) == (gains[0] > BROKEN_GAIN)
    assert gains[1] == pytest.approx(gains[0], abs=0.1)
