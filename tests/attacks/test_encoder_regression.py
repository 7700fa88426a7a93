"""Regression on known pairs: what it must recover, and what it must not pretend to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.attacks.encoder_regression import EncoderRegression
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.reports.scores import Summary
from ppattack.scenario import Scenario, simulate
from ppattack.seeding import torch_stream
from ppattack.target import Target
from ppattack.target.natural_noise import natural_images
from ppattack.threat import KeyScope, ThreatModel
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.neuracrypt import NeuraCrypt
from targets.pe import PE

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=7)
VICTIMS = 24


def _images(name: str, count: int, channels: int, edge: int) -> Tensor:
    return natural_images(torch_stream(4, name), (count or 1, channels, edge, edge))[:count]


def _scenario(
    attack: EncoderRegression,
    target: Target,
    scope: KeyScope = "dataset",
    *,
    channels: int = 1,
    edge: int = 32,
    public: int = 64,
) -> Scenario:
    sets = ImageSets(
        name="noise",
        victims=_images("victims", VICTIMS + attack.config.pairs, channels, edge),
        adversary=_images("public", public, channels, edge),
        notes=(),
    )
    return simulate(attack, target, sets, scope, seed=2, vain_pairs=True)


def _gain(attack: EncoderRegression, target: Target, **where: Any) -> Summary:
    scenario = _scenario(attack, target, **where)
    recovery = attack(scenario.observation, CONTEXT)
    scorer = ImageScorer(CONTEXT.device, "not needed here")
    found = evaluate(recovery, scenario, target, scorer, seed=0).scores.ssim
    assert found is not None
    assert found.gain is not None
    return found.gain


def _small(depth: int = 7, *, shuffle: bool = False) -> NeuraCrypt:
    return NeuraCrypt(variant="small", depth=depth, shuffle=shuffle)


def test_the_linear_encoder_is_broken_by_few_pairs() -> None:
    assert _gain(EncoderRegression(pairs=8), _small(1)).ci95[0] > 0.4


@pytest.mark.parametrize("target", [_small(), ColorNeuraCrypt(variant="small")], ids=str)
def test_more_pairs_show_more(target: Target) -> None:
    channels = target.card.channels[-1] if target.card.name != "neuracrypt" else 1
    gains = [
        _gain(EncoderRegression(pairs=pairs, centres=600), target, channels=channels).mean
        for pairs in (8, 30)
    ]
    assert gains[0] > 0.02
    assert gains[1] > gains[0] + 0.1


def test_a_shuffle_is_undone() -> None:
    attack = EncoderRegression(pairs=20, centres=500)
    straight = _gain(attack, _small()).mean
    shuffled = _gain(attack, _small(shuffle=True)).mean
    assert shuffled == pytest.approx(straight, abs=0.03)
    assert shuffled > 0.15


@pytest.mark.parametrize("depth", [1, 7])
@pytest.mark.parametrize("pairs", [3, 20])
def test_nothing_is_gained_or_lost_under_a_key_an_image(depth: int, pairs: int) -> None:
    gain = _gain(EncoderRegression(pairs=pairs, centres=300), _small(depth), scope="image")
    assert -0.06 < gain.mean < 0.05


def test_public_images_are_used_where_there_are_any() -> None:
    attack = EncoderRegression(pairs=4)
    assert attack.requires() == ThreatModel(pairs=4, own_keys=True)
    assert _scenario(attack, _small()).observation.threat.public == "unpaired"
    without = _scenario(attack, _small(), public=0)
    assert without.observation.threat.public == "none"
    images = attack(without.observation, CONTEXT).images
    assert images is not None
    assert images.float().std(dim=0).mean() > 5


def test_images_that_are_no_whole_patches() -> None:
    attack = EncoderRegression(pairs=6)
    scenario = _scenario(attack, _small(1), edge=29)
    images = attack(scenario.observation, CONTEXT).images
    plain = scenario.truth.images
    assert images is not None
    assert plain is not None
    assert images.shape == plain.shape == (VICTIMS, 1, 29, 29)
    wrong = (images.float() - plain.float()).square().mean()
    assert wrong < 0.3 * plain.float().var()


def test_notes_can_be_written_whatever_was_found() -> None:
    scopes: tuple[KeyScope, ...] = ("dataset", "image")
    for scope in scopes:
        attack = EncoderRegression(pairs=5)
        scenario = _scenario(attack, _small(), scope)
        notes = attack(scenario.observation, CONTEXT).notes
        json.dumps(notes, allow_nan=False)
        assert notes["centres"] == 5 * 16
    assert notes["ridge"] is None
    assert notes["unexplained of known patches left out"] > 0.9


def test_other_schemes_and_an_order_that_cannot_be_found_are_refused() -> None:
    attack = EncoderRegression()
    with pytest.raises(ConfigError, match="no positions"):
        _scenario(attack, _small(1, shuffle=True))
    scheme = PE().public()
    scheme.card = replace(scheme.card, cipher="tokens")
    assert "random network" in str(attack.obstacle(scheme, (1, 64, 64)))
