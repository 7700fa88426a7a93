"""Chosen plaintexts against every permutation and mask that is registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.attack import Context, Recovery
from ppattack.attacks.chosen_plaintext import ChosenPlaintext
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, ThreatModelError
from ppattack.metrics.keys import key_agreement
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import PermXorTarget, Target
from targets.etc import EtC
from targets.le import LE
from targets.pe import PE
from tests.conftest import smooth_sets
from tests.support.schemes import PAPER, PUBLISHED, PUBLISHED_EXACT

CONTEXT = Context(torch.device("cpu"), seed=3)


def attacked(
    target: Target, sets: ImageSets | None = None, **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = ChosenPlaintext(**settings)
    scenario = simulate(attack, target, sets or smooth_sets(6, 6, 32), "dataset", seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def both(recovery: Recovery, scenario: Scenario) -> tuple[Tensor, Tensor]:
    assert recovery.images is not None
    assert scenario.truth.images is not None
    return recovery.images, scenario.truth.images


def is_exact(recovery: Recovery, scenario: Scenario, target: PermXorTarget) -> bool:
    assert recovery.key is not None
    assert scenario.truth.key is not None
    return key_agreement(recovery.key, target.permxor(scenario.truth.key)).exact


@pytest.mark.parametrize("target", [*PAPER, *PUBLISHED_EXACT], ids=repr)
@pytest.mark.parametrize("size", [32, 30, 31])
def test_images_come_back_exactly_and_the_key_where_nothing_is_padded(
    target: PermXorTarget, size: int
) -> None:
    recovery, scenario = attacked(target, smooth_sets(4, 4, size))
    assert torch.equal(*both(recovery, scenario))
    shape = scenario.observation.image_shape
    assert is_exact(recovery, scenario, target) == (target.padded_shape(shape) == shape)
    assert recovery.notes["impossible symbols"] == 0.0
    assert recovery.notes["answers explained"] == 1.0


def test_every_registered_permutation_and_mask_is_broken() -> None:
    targets = {name: registry.target(name)() for name in registry.names("target")}
    broken = 0
    for name, target in targets.items():
        if isinstance(target, PermXorTarget) and "dataset" in target.card.key_scopes:
            recovery, scenario = attacked(target)
            key = scenario.truth.key
            assert key is not None
            assert is_exact(recovery, scenario, target), name
            decrypted = target.decrypt(scenario.observation.ciphertexts, key)
            assert torch.equal(both(recovery, scenario)[0], decrypted), name
            broken += 1
    assert broken >= 7


@pytest.mark.parametrize("target", PUBLISHED, ids=repr)
def test_the_key_is_exact_even_where_published_code_loses_symbols(target: PermXorTarget) -> None:
    recovery, scenario = attacked(target)
    assert is_exact(recovery, scenario, target)


def test_lost_colours_are_filled_and_kept_ones_exact() -> None:
    recovery, scenario = attacked(EtC(variant="ito", block_size=4))
    images, plain = both(recovery, scenario)
    assert recovery.key is not None
    kept = np.isin(np.arange(3072), recovery.key.index).reshape(3, 32, 32)
    same = (images == plain).numpy()
    assert same[:, kept].all()
    assert not same[:, ~kept].all()


def test_lost_colours_of_grey_pictures_are_filled_exactly() -> None:
    colour = smooth_sets(4, 4, 32)
    sets = ImageSets("grey", grey(colour.victims), grey(colour.adversary))
    recovery, scenario = attacked(EtC(variant="ito", block_size=4), sets)
    assert torch.equal(*both(recovery, scenario))


def grey(images: Tensor) -> Tensor:
    return images[:, :1].repeat(1, 3, 1, 1)


def test_truncation_shifts_no_digit() -> None:
    target = PE(variant="ito")
    recovery, scenario = attacked(target)
    images, plain = both(recovery, scenario)
    assert is_exact(recovery, scenario, target)
    difference = images.int() - plain.int()
    assert set(difference.unique().tolist()) == {0, 1}


def test_grey_images() -> None:
    sets = smooth_sets(4, 4, 32)
    single = ImageSets("grey", sets.victims[:, :1], sets.adversary[:, :1])
    for target in (LE(), PE(), EtC(block_size=4)):
        assert torch.equal(*both(*attacked(target, single)))


def test_units() -> None:
    recovery, scenario = attacked(EtC(), unit="nibble")
    assert torch.equal(*both(recovery, scenario))
    assert recovery.notes["chosen plaintexts used"] == 5
    assert attacked(EtC())[0].notes["chosen plaintexts used"] == 3
    wrong, scenario = attacked(LE(), unit="byte")
    images, plain = both(wrong, scenario)
    assert (images == plain).float().mean() < 0.1
    assert wrong.notes["answers explained"] < 0.9


def test_what_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="need 5 chosen plaintexts .*images=5"):
        attacked(LE(), images=4)
    assert torch.equal(*both(*attacked(LE(), images=5)))
    with pytest.raises(ThreatModelError, match="key-scope dataset"):
        simulate(ChosenPlaintext(), EtC(), smooth_sets(4, 4, 32), "image", seed=0)
    with pytest.raises(ConfigError, match="unit"):
        ChosenPlaintext(unit="bit")
