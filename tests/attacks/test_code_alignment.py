"""Code alignment: what it must show without a pair, and where it must show nothing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ppattack.attack import Context
from ppattack.attacks.code_alignment import UNFOUND, CodeAlignment, _in_channels
from ppattack.errors import ConfigError, DataError
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.scenario import Scenario, simulate
from ppattack.solvers.code_alignment import alignment, candidates, own_side, victims
from ppattack.solvers.code_alignment.alignment import Settings, align, more_images
from ppattack.target import Target
from ppattack.threat import KeyScope
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.neuracrypt import NeuraCrypt
from targets.pe import PE
from tests.support.natural import natural_images, natural_sets

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=7)


def _scenario(
    attack: CodeAlignment,
    target: Target,
    scope: KeyScope = "dataset",
    *,
    channels: int = 1,
    edge: int = 48,
    count: int = 150,
) -> Scenario:
    sets = natural_sets(count, 150, edge, channels)
    return simulate(attack, target, sets, scope, seed=2)


def _evaluated(attack: CodeAlignment, target: Target, **where: Any) -> Evaluation:
    scenario = _scenario(attack, target, **where)
    recovery = attack(scenario.observation, CONTEXT)
    json.dumps(recovery.notes, allow_nan=False)
    scorer = ImageScorer(CONTEXT.device, "not needed here")
    return evaluate(recovery, scenario, target, scorer, seed=0)


def _gain(evaluation: Evaluation) -> tuple[float, float]:
    found = evaluation.scores.ssim
    assert found is not None
    assert found.gain is not None
    return found.gain.ci95


def _small(depth: int = 7, *, shuffle: bool = False) -> NeuraCrypt:
    return NeuraCrypt(variant="small", depth=depth, shuffle=shuffle)


@pytest.mark.parametrize("target", [_small(3), ColorNeuraCrypt(variant="small")], ids=str)
def test_images_come_back_without_a_pair(target: Target) -> None:
    channels = 3 if isinstance(target, ColorNeuraCrypt) else 1
    found = _evaluated(CodeAlignment(preset="smoke"), target, channels=channels)
    assert _gain(found)[0] > 0.1


def test_a_shuffle_is_undone_up_to_a_mirror_image() -> None:
    target = _small(3, shuffle=True)
    scenario = _scenario(CodeAlignment(), target, edge=32, count=60)
    seen = scenario.observation
    found = align(target, seen.ciphertexts, seen.public_images, CONTEXT, Settings(components=8))
    assert sorted(found.places.tolist()) == list(range(16))
    assert found.mirrored is not None
    assert found.images.shape == found.mirrored.shape == (60, 1, 32, 32)
    assert not torch.equal(found.images, found.mirrored)
    assert 0.5 <= found.notes["probability of this layout, not its mirror image"] <= 1
    recovery = CodeAlignment(preset="smoke")(seen, CONTEXT)
    assert recovery.up_to_state


def test_a_key_an_image_is_refused_and_shows_nothing() -> None:
    attack = CodeAlignment(preset="smoke")
    with pytest.raises(ConfigError, match="--key-scope dataset"):
        _evaluated(attack, _small(3), scope="image")
    trying = attack.at_control_budget()
    assert isinstance(trying, CodeAlignment)
    assert _gain(_evaluated(trying, _small(3), scope="image", count=60))[1] < 0.05


def test_public_images_count_again_as_settings_say() -> None:
    public = natural_images(3, 32, seed=5, channels=1)
    plain = more_images(public, Settings(shifts=1), 8)
    assert len(plain) == 12
    straight, mirrored = plain.chunk(2)
    assert torch.equal(mirrored, straight.flip(3))
    assert torch.equal(straight[:3], public)
    assert torch.equal(straight[3:, :, 4:, 4:], public[:, :, :-4, :-4])
    assert torch.equal(more_images(public, Settings(mirrored=False), 8), public)
    seen = _scenario(CodeAlignment(), _small(3), edge=32, count=20).observation
    few = CodeAlignment(preset="smoke", shifts=1)(seen, CONTEXT)
    assert few.images is not None
    assert few.images.shape == (20, 1, 32, 32)


def test_mean_codes_of_other_images_are_predicted() -> None:
    target = _small(3)
    scenario = _scenario(CodeAlignment(), target, count=300)
    seen = scenario.observation
    found = align(target, seen.ciphertexts, seen.public_images, CONTEXT, Settings(components=24))
    key = scenario.truth.key
    assert key is not None
    fresh = natural_images(40, 48, seed=9, channels=1)
    truth = target.encrypt(fresh, key).mean(dim=1)
    own = torch.arange(40)
    predicted, naming = found.mean_codes_of(fresh), found.naming_vectors_of(fresh)
    right = [
        float((torch.cdist(truth, each).argmin(dim=1) == own).double().mean())
        for each in (predicted, naming)
    ]
    assert min(right) > 0.3  # by chance .025
    assert found.places.tolist() == list(range(36))


def test_unrelated_noise_shows_nothing() -> None:
    target = _small(3)
    scenario = _scenario(CodeAlignment(), target, count=60)
    seen = scenario.observation
    noise = torch.randn(seen.ciphertexts.shape, generator=torch.Generator().manual_seed(1))
    seen.ciphertexts = noise
    recovery = CodeAlignment(preset="smoke")(seen, CONTEXT)
    assert recovery.limits == UNFOUND  # so that a failure is never RESISTED
    found = evaluate(recovery, scenario, target, ImageScorer(CONTEXT.device, "none"), seed=0)
    assert _gain(found)[1] < 0.05


def test_what_cannot_be_attacked_is_refused_in_one_line() -> None:
    attack = CodeAlignment()
    with pytest.raises(ConfigError, match="no positions"):
        _scenario(attack, _small(1, shuffle=True))
    scheme = PE().public()
    scheme.card = replace(scheme.card, cipher="tokens")
    assert "random network" in str(attack.obstacle(scheme, (1, 64, 64)))
    with pytest.raises(DataError, match="too few"):
        _evaluated(attack, _small(3), count=3)


def test_the_same_seed_gives_the_same_images() -> None:
    scenario = _scenario(CodeAlignment(), _small(3), count=40)
    first, second = (
        CodeAlignment(preset="smoke")(scenario.observation, CONTEXT).images for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


STAGES = [
    (victims, "patch_orders", 1),
    (own_side, "_encoded", 2),
    (alignment, "best_layout", 1),
    (candidates, "best_rotation", 2),
    (alignment, "reconstructions", 1),
]
"""What each stage calls, and the call at which it is interrupted."""


def test_an_interrupted_run_goes_on_after_each_stage_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, settings = _small(3, shuffle=True), Settings(components=8)
    seen = _scenario(CodeAlignment(), target, edge=32, count=20).observation
    given = (target, seen.ciphertexts, seen.public_images)
    calls: Counter[str] = Counter()
    stops: dict[str, int] = {}

    def counted(name: str, real: Any) -> Any:
        def call(*given: Any) -> Any:
            calls[name] += 1
            if calls[name] == stops.get(name):
                raise KeyboardInterrupt
            return real(*given)

        return call

    for where, name, _ in STAGES:
        monkeypatch.setattr(where, name, counted(name, getattr(where, name)))
    whole = align(*given, CONTEXT, settings)
    once = {name: count + 1 for name, count in calls.items()}
    calls.clear()
    stops |= {name: at for _, name, at in STAGES}
    context = replace(CONTEXT, checkpoints=tmp_path)
    for _ in STAGES:
        with pytest.raises(KeyboardInterrupt):
            align(*given, context, settings)
    again = align(*given, context, settings)
    assert calls == once  # the interrupted calls alone were made twice
    assert torch.equal(whole.images, again.images)
    assert torch.equal(whole.places, again.places)
    assert torch.equal(whole.candidate.rotation.matrix, again.candidate.rotation.matrix)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):  # nothing is kept of other images
        align(*given[:2], seen.public_images.flip(2), context, settings)


def test_public_images_take_the_channels_of_the_victims() -> None:
    colour = natural_images(4, 16, channels=3)
    grey = _in_channels(colour, 1)
    assert grey.shape == (4, 1, 16, 16)
    assert torch.equal(_in_channels(grey, 3)[:, 2:], grey)
    assert torch.equal(_in_channels(_in_channels(grey, 3), 1), grey)
    assert _in_channels(colour, 3) is colour
