"""What every attack must keep, registered or new."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch

from ppattack.attack import PRESETS, Attack, Context, Recovery
from ppattack.config import as_dict
from ppattack.errors import ConfigError
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.verdict import BROKEN_GAIN
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from tests.conftest import numpy_global_state
from tests.support.labelled import labelled_sets

CONTEXT = Context(torch.device("cpu"), seed=2**127 + 7)


def positive(attack: Attack) -> tuple[Target, Scenario]:
    """The attack's own positive control, small."""
    control = attack.positive_control(registry.target("pe")().public())
    assert control is not None, "an attack without a positive control proves nothing"
    target = registry.target(control.target)(**control.settings)
    sets = labelled_sets(16, 64, attack)
    return target, simulate(attack, target, sets, control.key_scope, seed=0)


def smoke(name: str) -> Attack:
    return registry.attack(name)(preset="smoke")


def _same(first: Recovery, second: Recovery) -> bool:
    if first.images is not None and second.images is not None:
        return torch.equal(first.images, second.images)
    if first.matching is not None and second.matching is not None:
        return torch.equal(first.matching, second.matching)
    if first.classes is not None and second.classes is not None:
        return torch.equal(first.classes, second.classes)
    assert first.key is not None
    assert second.key is not None
    return bool((first.key.index == second.key.index).all())


def configuration_and_presets(name: str) -> None:
    plugin = registry.attack(name)
    assert tuple(plugin.presets) == PRESETS
    for preset in PRESETS:
        made = plugin(preset=preset)
        assert plugin(**as_dict(made.config)).config == made.config
    with pytest.raises(ConfigError, match="no preset 'papper'"):
        plugin(preset="papper")
    with pytest.raises(ConfigError, match="no setting 'nonsense'"):
        plugin(nonsense=1)


def deterministic_for_a_seed_and_input_untouched(name: str) -> None:
    attack = smoke(name)
    _, scenario = positive(attack)
    seen = scenario.observation
    held = [seen.ciphertexts, seen._public_images]
    before = [None if tensor is None else tensor.clone() for tensor in held]
    state, numpy_state = torch.get_rng_state(), numpy_global_state()
    first = attack(seen, CONTEXT)
    again = smoke(name)(seen, CONTEXT)
    assert _same(first, again)
    for tensor, copy in zip(held, before, strict=True):
        assert tensor is None or (copy is not None and torch.equal(tensor, copy))
    assert torch.equal(torch.get_rng_state(), state)
    assert numpy_global_state() == numpy_state


def nothing_is_gained_on_the_negative_control(name: str) -> None:
    attack = smoke(name).at_control_budget()
    control = attack.negative_control()
    target = registry.target(control.target)(**control.settings)
    sets = labelled_sets(48, 64, attack)
    reason = attack.obstacle(target.public(), (3, 32, 32))
    if reason:
        pytest.skip(f"it cannot be tried there: {reason}")
    scenario = simulate(attack, target, sets, control.key_scope, seed=0, vain_pairs=True)
    recovery = attack(scenario.observation, CONTEXT)
    scorer = ImageScorer(CONTEXT.device, "not needed here")
    found = evaluate(recovery, scenario, target, scorer, seed=0).scores.main_gain()
    assert found is not None
    assert found[1].ci95[0] <= BROKEN_GAIN
    assert found[1].mean < BROKEN_GAIN


def it_refuses_ciphertexts_it_cannot_read(name: str) -> None:
    attack = smoke(name)
    scheme = positive(attack)[0].public()
    assert attack.obstacle(scheme, (3, 32, 32)) is None
    other: Literal["image", "tokens"] = "tokens" if "image" in attack.card.ciphers else "image"
    scheme.card = replace(scheme.card, cipher=other)
    assert other in str(attack.obstacle(scheme, (3, 32, 32)))
