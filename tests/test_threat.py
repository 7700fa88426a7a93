"""An attack sees what its threat model grants, by every route its objects offer."""

from __future__ import annotations

import gc
import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, DataError, PluginError, ThreatModelError
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import Key
from ppattack.threat import KeyScope, Observation, PublicImages, ThreatModel
from targets.le import LE
from tests.support.probe import Probe

FULL = ThreatModel(public="unpaired", pairs=3, chosen=2, own_keys=True, labels=True)
CONTEXT = Context(torch.device("cpu"), seed=1)


@pytest.fixture
def sets(sets: ImageSets) -> ImageSets:
    """The same with classes."""
    return replace(
        sets,
        classes=("a", "b", "c"),
        victim_labels=_classes_of(sets.victims),
        adversary_labels=_classes_of(sets.adversary),
    )


def _classes_of(images: torch.Tensor) -> torch.Tensor:
    """A class that each image itself tells."""
    return images.flatten(1).long().sum(dim=1) % 3


def _scenario(sets: ImageSets, needs: ThreatModel, scope: KeyScope = "dataset") -> Scenario:
    return simulate(Probe(needs), LE(), sets, scope, seed=0)


def _walk(start: object) -> list[object]:
    """Every object reachable from the start; code (modules, classes, globals) is no route."""
    globals_of_code = {id(vars(module)) for module in _modules()}
    seen: dict[int, object] = {}
    queue = [start]
    while queue:
        item = queue.pop()
        skip = isinstance(item, types.ModuleType | type) or id(item) in globals_of_code
        if id(item) in seen or skip:
            continue
        seen[id(item)] = item
        queue.extend(gc.get_referents(item))
        if isinstance(item, torch.Tensor):
            queue += [item._base, item.grad_fn]
    return list(seen.values())


def _modules() -> list[types.ModuleType]:
    import sys

    return [module for module in sys.modules.values() if isinstance(module, types.ModuleType)]


def _memory(item: torch.Tensor | np.ndarray[Any, Any]) -> bytes:
    """All memory behind an array, also what lies outside of its view."""
    if isinstance(item, torch.Tensor):
        storage = item.untyped_storage()
        return bytes(torch.empty(0, dtype=torch.uint8).set_(storage).numpy())
    while isinstance(item.base, np.ndarray):
        item = item.base
    return item.tobytes()


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_neither_key_nor_scored_image_can_be_reached(sets: ImageSets, scope: KeyScope) -> None:
    needs = FULL if scope == "dataset" else replace(FULL, pairs=0, chosen=0)
    scenario = _scenario(sets, needs, scope)
    assert scenario.truth.images is not None
    assert scenario.truth.key is not None
    plain = [image.numpy().tobytes() for image in scenario.truth.images]
    secrets = [part.tobytes() for part in scenario.truth.key.parts.values()]
    reachable = _walk([scenario.observation, CONTEXT])
    assert any(item is scenario.observation.ciphertexts for item in reachable)
    assert not [item for item in reachable if isinstance(item, Key | PermXor)]
    for item in reachable:
        if isinstance(item, torch.Tensor | np.ndarray):
            memory = _memory(item)
            assert not any(image in memory for image in plain)
            assert not any(secret in memory for secret in secrets)


def test_the_walk_would_find_a_leak(sets: ImageSets) -> None:
    scenario = _scenario(sets, FULL)
    leaky = types.SimpleNamespace(inner={"closure": lambda: scenario.truth.key})
    assert [item for item in _walk(leaky) if isinstance(item, Key)]
    assert scenario.truth.images is not None
    view = torch.cat([scenario.truth.images, scenario.truth.images])[:0]
    assert scenario.truth.images[0].numpy().tobytes() in _memory(view)


@pytest.mark.parametrize(
    "reach",
    [
        lambda seen: seen.public_images,
        lambda seen: seen.known_pairs,
        lambda seen: seen.chosen_pairs,
        lambda seen: seen.labels,
        lambda seen: seen.public_labels,
        lambda seen: seen.class_names,
        lambda seen: seen.scheme.target,
        lambda seen: seen.scheme.encrypt_with_fresh_keys(
            seen.ciphertexts, np.random.default_rng(0)
        ),
    ],
)
def test_what_is_not_granted_cannot_be_read(sets: ImageSets, reach: Any) -> None:
    observation = _scenario(sets, ThreatModel()).observation
    with pytest.raises(ThreatModelError, match="threat model"):
        Probe(ThreatModel(), reach)(observation, CONTEXT)
    granted = _scenario(sets, FULL).observation
    assert Probe(FULL, lambda seen: reach(seen) is not None)(granted, CONTEXT).notes["found"]


@pytest.mark.parametrize("public", ["none", "unpaired", "candidates"])
@pytest.mark.parametrize("pairs", [0, 5])
def test_labels_are_those_of_the_images(sets: ImageSets, public: PublicImages, pairs: int) -> None:
    scenario = _scenario(sets, ThreatModel(public, pairs=pairs, labels=True))
    observation, truth = scenario.observation, scenario.truth.images
    assert truth is not None
    assert len(observation.labels) == len(observation.ciphertexts) == 24 - pairs
    assert torch.equal(observation.labels, _classes_of(truth))
    assert observation.class_names == ("a", "b", "c")
    if public == "none":
        with pytest.raises(ThreatModelError, match="no class labels of public images"):
            _ = observation.public_labels
    else:
        assert torch.equal(observation.public_labels, _classes_of(observation.public_images))
    kept = scenario.sets
    assert kept.victim_labels is not None
    assert torch.equal(kept.victim_labels, _classes_of(kept.victims))


def test_labels_of_an_observation_are_copies(sets: ImageSets) -> None:
    observation = _scenario(sets, FULL).observation
    observation.labels.zero_()
    observation.public_labels.zero_()
    assert sets.victim_labels is not None
    assert sets.adversary_labels is not None
    assert sets.victim_labels.any()
    assert sets.adversary_labels.any()


@pytest.mark.parametrize("side", ["both", "victims", "adversary"])
def test_sets_without_classes_are_refused_where_they_are_needed(sets: ImageSets, side: str) -> None:
    victims, adversary = sets.victim_labels, sets.adversary_labels
    bare = replace(
        sets,
        victim_labels=victims if side == "adversary" else None,
        adversary_labels=adversary if side == "victims" else None,
    )
    with pytest.raises(
        DataError, match="'probe' needs class labels, which smooth does not have .*cifar10, or a fo"
    ):
        _scenario(bare, ThreatModel(public="unpaired", labels=True))
    assert len(_scenario(bare, replace(FULL, labels=False)).observation.ciphertexts) == 21


def test_labels_in_words_and_what_falls_short() -> None:
    needs = ThreatModel(public="unpaired", labels=True)
    words = "ciphertext-only; unpaired public images; class labels; one key for all images"
    assert needs.in_words() == words
    assert ThreatModel("unpaired").in_words() == words.replace("class labels; ", "")
    assert ThreatModel("unpaired").shortfall(needs) == ["class labels"]
    assert needs.shortfall(needs) == needs.shortfall(ThreatModel()) == []


@pytest.mark.parametrize(
    "name", ["truth", "key", "plain", "images", "_truth", "_key", "victims", "__dict__"]
)
def test_there_is_no_field_for_secrets(sets: ImageSets, name: str) -> None:
    observation = _scenario(sets, FULL).observation
    with pytest.raises(AttributeError):
        getattr(observation, name)


def test_an_attack_that_needs_more_than_it_is_given_does_not_start(sets: ImageSets) -> None:
    observation = _scenario(sets, ThreatModel()).observation
    with pytest.raises(ThreatModelError, match=r"needs .*2 chosen plaintexts"):
        Probe(FULL)(observation, CONTEXT)


def test_the_public_scheme_forgets_what_the_target_object_remembers(sets: ImageSets) -> None:
    class Forgetful(LE):
        last: Any = None

        def encrypt(self, images: Any, key: Key, *, generator: Any = None) -> Any:
            self.last = key
            return super().encrypt(images, key, generator=generator)

    scenario = simulate(Probe(FULL), Forgetful(), sets, "dataset", seed=0)
    assert not [item for item in _walk(scenario.observation) if isinstance(item, Key)]


def test_pairs_are_right_and_disjoint_from_what_is_scored(sets: ImageSets) -> None:
    scenario = _scenario(sets, FULL)
    plain, ciphertexts = scenario.observation.known_pairs
    chosen, answers = scenario.observation.chosen_pairs
    key = scenario.truth.key
    assert key is not None
    assert scenario.truth.images is not None
    assert (len(plain), len(chosen)) == (3, 2)
    assert torch.equal(LE().encrypt(plain, key), ciphertexts)
    assert torch.equal(LE().encrypt(chosen, key), answers)
    assert len(scenario.truth.images) == len(sets.victims) - 3
    scored = {image.numpy().tobytes() for image in scenario.truth.images}
    assert not scored & {image.numpy().tobytes() for image in plain}


def test_a_scored_image_among_the_pairs_is_refused(sets: ImageSets) -> None:
    victims = torch.cat([sets.victims, sets.victims[:1]])
    twins = replace(sets, victims=victims, victim_labels=_classes_of(victims))
    with pytest.raises(DataError, match="also scored"):
        _scenario(twins, replace(FULL, pairs=1))


def test_pairs_make_no_sense_with_a_key_an_image(sets: ImageSets) -> None:
    with pytest.raises(ThreatModelError, match="one key per image"):
        _scenario(sets, FULL, "image")


def test_candidates_are_the_victims_in_another_order(sets: ImageSets) -> None:
    scenario = _scenario(sets, ThreatModel(public="candidates"))
    candidates, matching = scenario.observation.public_images, scenario.truth.matching
    assert matching is not None
    assert scenario.truth.images is not None
    assert torch.equal(candidates[matching], scenario.truth.images)
    assert not torch.equal(candidates, scenario.truth.images)


def test_a_one_time_pad_is_never_reused(sets: ImageSets) -> None:
    pad = registry.target("one-time-pad")()
    with pytest.raises(ConfigError, match="key scope"):
        from ppattack.scenario import key_scope_of

        key_scope_of(pad, "dataset")
    scenario = simulate(Probe(ThreatModel()), pad, sets, "image", seed=0)
    assert scenario.truth.images is not None
    pads = scenario.truth.images ^ scenario.observation.ciphertexts
    assert len({pad.numpy().tobytes() for pad in pads}) == len(pads)


def test_public_images_that_are_also_a_victims_are_taken_out(sets: ImageSets) -> None:
    public = torch.cat([sets.victims[3:4], sets.adversary, sets.victims[4:5]])
    both = replace(sets, adversary=public, adversary_labels=_classes_of(public))
    scenario = _scenario(both, ThreatModel(public="unpaired", labels=True))
    assert torch.equal(scenario.observation.public_images, sets.adversary)
    assert torch.equal(scenario.observation.public_labels, _classes_of(sets.adversary))
    assert scenario.sets.notes == (
        "2 public images that are also the victims' were taken from the adversary",
    )


def test_pairs_of_a_negative_control_are_under_keys_of_their_own(sets: ImageSets) -> None:
    pad = registry.target("one-time-pad")()
    needs = ThreatModel(pairs=3, chosen=2)
    scenario = simulate(Probe(needs), pad, sets, "image", seed=0, vain_pairs=True)
    assert scenario.truth.images is not None
    seen = scenario.observation
    held = [(scenario.truth.images, seen.ciphertexts), seen.known_pairs, seen.chosen_pairs]
    pads = torch.cat([plain ^ ciphertexts for plain, ciphertexts in held])
    assert len(pads) == 24 - 3 + 3 + 2
    assert len({pad.numpy().tobytes() for pad in pads}) == len(pads)


def test_keys_for_another_number_of_images_are_refused(sets: ImageSets) -> None:
    class TwoKeys(Probe):
        def run(self, observation: Observation, context: Context) -> Recovery:
            tables = np.tile(np.arange(4), (2, 1))
            return Recovery(key=PermXor(tables, np.zeros((2, 4), np.uint8)))

    attack = TwoKeys(ThreatModel())
    scenario = simulate(attack, LE(), sets, "image", seed=0)
    with pytest.raises(PluginError, match="keys for 2 images, not 24"):
        attack(scenario.observation, CONTEXT)
