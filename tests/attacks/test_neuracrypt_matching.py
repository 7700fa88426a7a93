"""The matching attack on NeuraCrypt breaks what it must, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.neuracrypt_matching import NeuraCryptMatching
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, DataError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.reports.scores import MatchingScores
from ppattack.scenario import Scenario, simulate
from ppattack.seeding import torch_stream
from ppattack.target import Target
from ppattack.target.natural_noise import natural_images
from ppattack.threat import KeyScope, Observation
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.neuracrypt import NeuraCrypt
from targets.pe import PE

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=11)
SMALL = {"variant": "small", "hidden": 128}
PAPER_QUICKLY: dict[str, Any] = {
    "own_encoders": 6,
    "images_each": 60,
    "embedding_steps": 600,
    "embedding_batch": 256,
    "embedding_rate": 1e-2,
    "first": "bounded",
    "surrogate_steps": 60,
    "surrogate_rounds": 2,
}


@cache
def _images(count: int, channels: int = 1) -> ImageSets:
    """Crops of photographs, 64 × 64 pixels."""
    sets = Photos().load(ImageRequest(count, 0, size=64, seed=1))
    return replace(sets, victims=sets.victims[:, :channels])


def _scenario(
    attack: NeuraCryptMatching,
    target: Target,
    count: int = 60,
    channels: int = 1,
    scope: KeyScope = "dataset",
) -> Scenario:
    return simulate(attack, target, _images(count, channels), scope, seed=0)


def _scores(recovery: Recovery, scenario: Scenario, target: Target) -> MatchingScores:
    scorer = ImageScorer(CONTEXT.device, "not needed here")
    found = evaluate(recovery, scenario, target, scorer, 0).scores.matching
    assert found is not None
    return found


def _attacked(attack: NeuraCryptMatching, target: Target, **given: Any) -> MatchingScores:
    scenario = _scenario(attack, target, **given)
    return _scores(attack(scenario.observation, CONTEXT), scenario, target)


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 1, "shuffle": False},
        {"depth": 1},
        {"depth": 3, "shuffle": False},
        {"depth": 3},
        {"depth": 7},
        {"depth": 7, "batch_norm": "batch", "batch_size": 30},
        {"depth": 7, "shuffle": False},
    ],
    ids=str,
)
def test_every_code_is_matched(settings: dict[str, Any]) -> None:
    found = _attacked(NeuraCryptMatching(), NeuraCrypt(**SMALL, **settings))
    assert found.reconstruction.mean >= 0.95
    assert found.top["10"] >= found.top["5"] >= found.top["1"] == found.reconstruction.mean


def test_colours_and_codes_that_are_images() -> None:
    found = _attacked(NeuraCryptMatching(), ColorNeuraCrypt(variant="small"), channels=3)
    assert found.reconstruction.mean >= 0.95


@pytest.mark.parametrize(
    ("depth", "shuffle"), [(3, True), (3, False), pytest.param(7, True, marks=pytest.mark.slow)]
)
def test_the_published_stages_climb(depth: int, shuffle: bool) -> None:
    attack = NeuraCryptMatching(preset="paper", **PAPER_QUICKLY)
    target = NeuraCrypt(**SMALL, depth=depth, shuffle=shuffle)
    scenario = _scenario(attack, target)
    recovery = attack(scenario.observation, CONTEXT)
    found = _scores(recovery, scenario, target)
    stages = ["first matching"] if shuffle else []
    stages += ["alternation", "surrogate 1", "surrogate 2", "challenge 2"]
    assert list(found.stages) == stages
    assert found.stages[stages[0]] > 5 / 60
    assert found.stages["surrogate 2"] == found.reconstruction.mean >= 0.95
    assert found.stages["challenge 2"] > 2 / 60
    assert len(recovery.notes["surrogate_losses"]) == 2


def test_both_first_matchings_are_the_same() -> None:
    scenario = _scenario(NeuraCryptMatching(), NeuraCrypt(**SMALL), 25)
    quick = PAPER_QUICKLY | {"embedding_steps": 50, "surrogate_steps": 0}
    found = []
    for first in ("bounded", "exact"):
        attack = NeuraCryptMatching(preset="paper", **quick | {"first": first})
        found.append(attack(scenario.observation, CONTEXT).stages)
    assert torch.equal(found[0]["first matching"], found[1]["first matching"])
    assert torch.equal(found[0]["alternation"], found[1]["alternation"])


@pytest.mark.parametrize("depth", [1, 3])
def test_nothing_is_matched_under_a_key_an_image_and_it_says_so(depth: int) -> None:
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL, depth=depth)
    scenario = _scenario(attack, target, scope="image")
    recovery = attack(scenario.observation, CONTEXT)
    found = _scores(recovery, scenario, target)
    assert found.wilson95 is not None
    assert found.wilson95[0] <= 1 / 60
    assert recovery.notes["rehearsal_right"] > 0.9
    assert recovery.notes["expected_share_right"] < 0.2
    assert "a key for each image" in recovery.limits


def test_what_is_right_is_expected_to_be() -> None:
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL)
    recovery = attack(_scenario(attack, target).observation, CONTEXT)
    assert recovery.notes["expected_share_right"] > 0.8
    assert not recovery.limits
    few = attack(_scenario(attack, target, 9).observation, CONTEXT)
    assert few.notes["expected_share_right"] is None
    assert not few.limits


@pytest.mark.parametrize(("scope", "expected"), [("dataset", True), ("image", False)])
def test_a_task_larger_than_its_rehearsal(
    monkeypatch: pytest.MonkeyPatch, scope: KeyScope, expected: bool
) -> None:
    monkeypatch.setattr("ppattack.solvers.neuracrypt.case.REHEARSED", 30)
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL, depth=3)
    recovery = attack(_scenario(attack, target, scope=scope).observation, CONTEXT)
    assert recovery.notes["rehearsal_right"] > 0.8
    assert (recovery.notes["expected_share_right"] > 0.8) == expected
    assert (recovery.limits == "") == expected


def test_codes_of_other_images_are_matched_by_chance() -> None:
    """The candidates are not the victims': whatever is found, the evaluation does not leak it."""
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL)
    scenario = _scenario(attack, target)
    other = natural_images(torch_stream(6, "others"), (60, 1, 64, 64))
    seen = _with_candidates(scenario.observation, other)
    found = _scores(attack(seen, CONTEXT), scenario, target)
    assert found.wilson95 is not None
    assert found.wilson95[0] <= 1 / 60


def test_a_blind_matching_scores_as_chance() -> None:
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL)
    scenario = _scenario(attack, target)
    blind = Recovery(matching=torch.arange(60), stages={"start": torch.arange(60)})
    found = _scores(blind, scenario, target)
    assert found.reconstruction.mean <= 0.1
    assert found.stages["start"] == found.reconstruction.mean
    assert found.top == {}


def test_the_attack_does_not_depend_on_the_order_of_candidates() -> None:
    attack, target = NeuraCryptMatching(), NeuraCrypt(**SMALL)
    scenario = _scenario(attack, target)
    order = torch.randperm(60, generator=torch_stream(0, "order"))
    seen = _with_candidates(scenario.observation, scenario.observation.public_images[order])
    straight = attack(scenario.observation, CONTEXT).matching
    turned = attack(seen, CONTEXT).matching
    assert straight is not None
    assert turned is not None
    assert torch.equal(order[turned], straight)


def test_notes_say_what_each_stage_took_and_changed() -> None:
    attack = NeuraCryptMatching(preset="smoke")
    recovery = attack(_scenario(attack, NeuraCrypt(**SMALL), 20).observation, CONTEXT)
    stages = ["first matching", "alternation", "inner products"]
    assert list(recovery.stages) == stages
    assert list(recovery.notes["changed"]) == stages[1:]
    assert set(recovery.notes["seconds"]) == {*stages, "unshuffle", "own keys", "rehearsal"}
    assert 0 <= recovery.notes["best_candidate_taken"] <= 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_matched_one_to_one(count: int) -> None:
    attack = NeuraCryptMatching(own_encoders=1)
    scenario = _scenario(attack, NeuraCrypt(**SMALL), count)
    matching = attack(scenario.observation, CONTEXT).matching
    assert matching is not None
    assert sorted(matching.tolist()) == list(range(count))


def test_other_schemes_and_numbers_are_refused() -> None:
    attack = NeuraCryptMatching()
    with pytest.raises(ConfigError, match="tokens, not image"):
        _scenario(attack, PE())
    scheme = PE().public()
    scheme.card = replace(scheme.card, cipher="tokens")
    assert "random network" in str(attack.obstacle(scheme, (1, 64, 64)))
    scenario = _scenario(attack, NeuraCrypt(**SMALL), 6)
    seen = _with_candidates(scenario.observation, scenario.observation.public_images[:5])
    with pytest.raises(DataError, match="6 ciphertexts .* 5 candidates"):
        attack(seen, CONTEXT)


def _with_candidates(seen: Observation, candidates: torch.Tensor) -> Observation:
    return Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=seen.ciphertexts,
        image_shape=seen.image_shape,
        public_images=candidates,
    )
