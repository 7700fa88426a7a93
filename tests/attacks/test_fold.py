"""Fold against pixel-wise encryption: what is read of folded bytes, and what it takes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from ppattack.attack import Context
from ppattack.attacks.fold import Fold
from ppattack.attacks.fr import FeatureReconstruction
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import DataError, ThreatModelError
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.threat import KeyScope, Observation, ThreatModel
from tests.support.photo_attacks import CONTEXT, DATA, attacked, crops, gain, make, photos

pytestmark = pytest.mark.long

NOBODY = torch.empty(0, 3, 32, 32, dtype=torch.uint8)
SMOKE: dict[str, Any] = {"preset": "smoke"}
FIELD: dict[str, Any] = {"mode": "mrf"}


@cache
def crowd() -> ImageSets:
    """Few victims, and enough public images of their kind to learn from."""
    victims = [crops(DATA.chelsea(), 16, 3), crops(DATA.coffee(), 16, 4)]
    public = [crops(DATA.chelsea(), 128, 5), crops(DATA.coffee(), 128, 6)]
    return ImageSets("photographs", torch.cat(victims), torch.cat(public))


def hardly(mode: str = "learned") -> Fold:
    """Hardly trained: for what does not depend on how much was learnt."""
    return Fold(mode=mode, epochs=1, images=32, levels=2, batch_size=16)


@pytest.mark.parametrize("shuffle", [False, True])
def test_learned_reads_more_than_fr_shows(shuffle: bool) -> None:
    target = make("pe", color_shuffle=shuffle)
    learned, scenario = attacked(Fold(**SMOKE, epochs=3), target, crowd(), "image")
    basic, _ = attacked(FeatureReconstruction(), target, crowd(), "image")
    assert learned.notes["color_shuffle"] == shuffle
    assert gain(learned, scenario) > gain(basic, scenario) + 0.05


@pytest.mark.parametrize("shuffle", [False, True])
def test_learned_at_its_control_budget_breaks_its_positive_control(shuffle: bool) -> None:
    attack = Fold(**SMOKE)
    control = attack.positive_control(make("pe", color_shuffle=shuffle).public())
    few = attack.at_control_budget()
    assert few.config.epochs < attack.config.epochs
    target = make(control.target, **control.settings)
    assert gain(*attacked(few, target, crowd(), control.key_scope)) > 0.05


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_field_breaks_its_positive_control(shuffle: bool) -> None:
    attack = Fold(**FIELD)
    assert attack.at_control_budget() is attack
    control = attack.positive_control(make("pe", color_shuffle=shuffle).public())
    target = make(control.target, **control.settings)
    sets = registry.dataset("photos").load(ImageRequest(64, 256, 32))
    assert gain(*attacked(attack, target, sets, control.key_scope)) > 0.05


def test_the_positive_control_is_as_hard_as_the_case() -> None:
    plain, shuffled = (make("pe", color_shuffle=shuffle).public() for shuffle in (False, True))
    blocks = make("etc").public()
    for scheme, settings, expected in (
        (plain, {}, False),
        (shuffled, {}, True),
        (blocks, {}, False),
        (plain, {"color_shuffle": "on"}, True),
        (shuffled, {"color_shuffle": "off"}, True),
        (shuffled, FIELD, True),
    ):
        control = Fold(**settings).positive_control(scheme)
        assert (control.target, control.settings) == ("pe", {"color_shuffle": expected})


def test_learned_gains_nothing_on_a_one_time_pad_and_needs_public_images() -> None:
    attack = Fold(**SMOKE)
    assert attack.requires() == ThreatModel(public="unpaired")
    assert not attack.welcomes_public_images()
    assert gain(*attacked(attack, make("one-time-pad"), crowd(), "image")) < 0.02


def test_the_field_gains_nothing_on_a_one_time_pad() -> None:
    assert gain(*attacked(Fold(**FIELD), make("one-time-pad"), scope="image")) < 0.01


@pytest.mark.parametrize("mode", ["learned", "mrf"])
def test_under_any_key_the_same_is_read(mode: str) -> None:
    keys: list[tuple[str, KeyScope]] = [("plain", "dataset"), ("pe", "dataset"), ("pe", "image")]
    read = [
        attacked(hardly(mode), make(name, **settings), scope=scope)[0].images
        for name, scope in keys
        for settings in ([{"color_shuffle": False}] if name == "pe" else [{}])
    ]
    assert len(read) == len(keys)
    assert read[0] is not None
    for images in read[1:]:
        assert images is not None
        assert torch.equal(images, read[0])


def test_under_a_colour_shuffle_learned_reads_the_same_under_any_key() -> None:
    target = make("pe", color_shuffle=True)
    attack = hardly()
    one, other = (attacked(attack, target, scope=scope)[0] for scope in ("dataset", "image"))
    assert one.images is not None
    assert other.images is not None
    assert torch.equal(one.images, other.images)


def test_the_settings_decide_whether_channels_are_sorted() -> None:
    shuffled, plain = (make("pe", color_shuffle=shuffle) for shuffle in (True, False))
    for target, choice, expected in (
        (shuffled, "auto", True),
        (shuffled, "off", False),
        (plain, "auto", False),
        (plain, "on", True),
    ):
        attack = Fold(epochs=1, images=32, levels=2, batch_size=16, color_shuffle=choice)
        assert attacked(attack, target)[0].notes["color_shuffle"] == expected


def test_the_field_repeats_and_leaves_the_observation_as_it_is() -> None:
    attack = Fold(**FIELD)
    scenario = simulate(attack, make("pe", color_shuffle=True), photos(), "dataset", seed=7)
    before = scenario.observation.ciphertexts.clone()
    first = attack(scenario.observation, CONTEXT).images
    second = attack(scenario.observation, Context(torch.device("cpu"), seed=12)).images
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)
    assert torch.equal(scenario.observation.ciphertexts, before)


def test_the_field_uses_public_images_if_there_are_any() -> None:
    attack = Fold(**FIELD)
    assert attack.requires() == ThreatModel()
    assert attack.welcomes_public_images()
    public, scenario = attacked(attack, make("pe"))
    assert scenario.observation.threat.public == "unpaired"
    bare, alone = attacked(attack, make("pe"), ImageSets("none", photos().victims, NOBODY))
    assert alone.observation.threat.public == "none"
    assert public.images is not None
    assert bare.images is not None
    assert not torch.equal(public.images, bare.images)


def test_learned_refuses_to_go_without_public_images() -> None:
    bare = Observation(
        threat=ThreatModel(),
        scheme=make("pe").public(own_keys=False),
        ciphertexts=photos().victims,
        image_shape=(3, 32, 32),
    )
    assert Fold(**FIELD)(bare, CONTEXT).images is not None
    with pytest.raises(ThreatModelError):
        hardly()(bare, CONTEXT)


@pytest.mark.parametrize("mode", ["learned", "mrf"])
def test_public_images_of_another_size_are_refused(mode: str) -> None:
    observation = Observation(
        threat=ThreatModel(public="unpaired"),
        scheme=make("pe").public(own_keys=False),
        ciphertexts=photos().victims,
        image_shape=(3, 32, 32),
        public_images=photos().adversary[:, :, :16, :16],
    )
    with pytest.raises(DataError, match="images of the victims' size"):
        hardly(mode)(observation, CONTEXT)
