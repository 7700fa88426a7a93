"""Candidate matching: single ciphertexts under keys of their own are named, and only these."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.candidate_matching import LIKELY, CandidateMatching
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.threat import KeyScope
from tests.support.natural import natural_sets
from tests.support.plugins import ciphers
from tests.support.shuffled_blocks import ShuffledBlocks

CONTEXT = Context(torch.device("cpu"), seed=3)


def attacked(
    name: str,
    scope: KeyScope = "image",
    target_settings: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Recovery, Scenario]:
    attack = CandidateMatching(**{"distractors": 260, "views": False, **settings})
    target = registry.target(name)(**target_settings or {})
    scenario = simulate(attack, target, natural_sets(60, 300, size=32), scope, seed=5)
    return attack(scenario.observation, CONTEXT), scenario


def share(recovery: Recovery, scenario: Scenario) -> float:
    assert recovery.matching is not None
    assert scenario.truth.matching is not None
    return float((recovery.matching == scenario.truth.matching).float().mean())


@pytest.mark.parametrize(
    ("name", "settings"),
    [("pe", {"color_shuffle": True}), ("le", {}), ("ele", {}), ("etc", {"block_size": 4})],
)
def test_every_exact_copy_is_named(name: str, settings: dict[str, Any]) -> None:
    recovery, scenario = attacked(name, target_settings=settings)
    assert len(scenario.observation.public_images) == 320
    assert share(recovery, scenario) == 1.0


@pytest.mark.parametrize(("how", "views"), [("jpeg50", False), ("shifted", True)])
def test_altered_copies_are_named(how: str, views: bool) -> None:
    recovery, scenario = attacked("etc", altered=how, views=views)
    assert share(recovery, scenario) >= 0.95


def test_blocks_on_the_grid_of_their_compression_are_named() -> None:
    """All candidates went through JPEG 50, so that another JPEG 50 shows nothing of the first."""
    recovery, scenario = attacked("etc-gray", altered="jpeg50")
    assert share(recovery, scenario) >= 0.95


def test_a_one_time_pad_is_matched_by_chance_and_nothing_is_sure() -> None:
    recovery, scenario = attacked("one-time-pad")
    assert share(recovery, scenario) <= 4 / 60
    assert recovery.p_values is not None
    assert float((recovery.p_values < LIKELY).float().mean()) <= 0.1


def test_one_key_for_all_is_no_harder() -> None:
    recovery, scenario = attacked("pe", "dataset")
    assert share(recovery, scenario) == 1.0


def test_too_few_candidates_say_so() -> None:
    attack = CandidateMatching(distractors=4, altered="noise")
    target = registry.target("pe")()
    scenario = simulate(attack, target, natural_sets(20, 8, size=32), "image", seed=5)
    recovery = attack(scenario.observation, CONTEXT)
    assert recovery.limits.startswith("24 candidates are too few")
    assert recovery.p_values is not None
    assert bool((recovery.p_values == 1).all())
    assert recovery.refuted


def test_the_candidates_are_not_in_the_order_of_the_ciphertexts() -> None:
    _, scenario = attacked("pe")
    truth = scenario.truth.matching
    assert truth is not None
    assert not torch.equal(truth, truth.sort().values)
    seen, plain = scenario.observation.public_images, scenario.truth.images
    assert plain is not None
    assert torch.equal(seen[truth], plain)


def test_few_candidates_are_enough_for_exact_copies() -> None:
    attack = CandidateMatching(distractors=0)
    target = registry.target("ele")()
    scenario = simulate(attack, target, natural_sets(12, 8, size=32), "image", seed=5)
    recovery = attack(scenario.observation, CONTEXT)
    assert share(recovery, scenario) == 1.0
    assert recovery.limits == ""
    assert recovery.notes["exact copies"] == 12


@pytest.mark.parametrize("name", ["pe", "le", "ele", "etc"])
def test_ciphertexts_under_other_keys_are_linked(name: str) -> None:
    recovery, scenario = attacked(name, link=True)
    assert scenario.observation.threat.in_words().startswith(
        "ciphertext-only; ciphertexts under other keys and up to 260 others"
    )
    plain = scenario.truth.images
    assert plain is not None
    truth = scenario.truth.matching
    assert truth is not None
    assert not torch.equal(scenario.observation.public_images[truth], plain)
    assert not torch.equal(
        scenario.observation.public_images[truth], scenario.observation.ciphertexts
    )
    assert share(recovery, scenario) == 1.0


@pytest.mark.parametrize("altered", ["noise", "jpeg90"])
def test_ciphertexts_of_altered_copies_are_linked(altered: str) -> None:
    recovery, scenario = attacked("etc", link=True, altered=altered)
    assert share(recovery, scenario) >= 0.95


def test_separated_nibbles_are_linked_by_what_own_pairs_show() -> None:
    """No noise can be added to nibbles whose places nobody knows."""
    recovery, scenario = attacked("ele", link=True, altered="noise")
    assert scenario.observation.threat.own_keys
    assert share(recovery, scenario) >= 0.9


def test_a_one_time_pad_is_not_linked() -> None:
    recovery, scenario = attacked("one-time-pad", link=True)
    assert share(recovery, scenario) <= 4 / 60


@pytest.mark.parametrize("altered", ["none", "jpeg90"])
def test_images_that_are_not_there_are_told_from_those_that_are(altered: str) -> None:
    recovery, scenario = attacked("etc", altered=altered, absent=0.5)
    truth, p = scenario.truth.matching, recovery.p_values
    assert truth is not None
    assert p is not None
    there = truth >= 0
    assert int(there.sum()) == 30
    assert len(scenario.observation.public_images) == 290
    assert recovery.matching is not None
    assert torch.equal(recovery.matching[there], truth[there])
    assert float(p[there].median()) <= 0.01
    assert float((p[~there] <= 0.05).float().mean()) <= 0.2


def test_a_plug_in_with_a_key_per_image_needs_nothing_of_its_own() -> None:
    attack = CandidateMatching(distractors=260, views=False, altered="jpeg90")
    for moves in (False, True):
        target = ShuffledBlocks(block_size=8, moves_blocks=moves)
        scenario = simulate(attack, target, natural_sets(60, 300, size=32), "image", seed=5)
        assert share(attack(scenario.observation, CONTEXT), scenario) >= 0.95


def test_a_cipher_outside_its_model_is_not_called_resistant() -> None:
    attack = CandidateMatching(distractors=260, views=False)
    target = ciphers.Masked()
    scenario = simulate(attack, target, natural_sets(60, 300, size=32), "dataset", seed=5)
    recovery = attack(scenario.observation, CONTEXT)
    assert recovery.limits.startswith("it names hardly any of its own ciphertexts")


def test_its_control_has_as_many_candidates_altered_alike() -> None:
    attack = CandidateMatching(distractors=5000, altered="shifted")
    control = attack.for_control(registry.target("ele")().public())
    assert control.config == attack.config
    half = CandidateMatching(distractors=5000, absent=0.5)
    assert half.for_control(registry.target("ele")().public()).requires().absent == 0
