from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context
from ppattack.data.source import ImageSets
from ppattack.errors import NotApplicable, ThreatModelError
from ppattack.evaluation import image_scores
from ppattack.evaluation.placement import in_order
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.solvers.instahide import release
from ppattack.target import Key
from targets.instahide import InstaHide
from tests.support.mixtures import images

QUICK: dict[str, Any] = {"iterations": 8, "refinements": 0, "samples": 2000}


def _scene(
    rounds: int, public: int = 400, target: str = "instahide", *, labels: bool = False
) -> Scenario:
    attack = registry.attack("instahide-statistics")(**QUICK, labels=labels)
    settings = {"members": 3, "rounds": rounds} if target == "instahide" else {}
    scheme = registry.target(target)(**settings)
    sets = ImageSets("noise", images("victims", 8), images("adversary's", public))
    kinds = torch.arange(8) % 4, torch.arange(public) % 4
    sets = replace(sets, victim_labels=kinds[0], adversary_labels=kinds[1], classes=tuple("abcd"))
    return simulate(attack, scheme, sets, "dataset", 0)


def _attacked(scene: Scenario) -> tuple[float, float, str]:
    """SSIM of what comes back and of the mean image, and what limits it."""
    labels = scene.observation.threat.labels
    attack = registry.attack("instahide-statistics")(**QUICK, labels=labels)
    found = in_order(attack(scene.observation, Context(torch.device("cpu"), 0)), scene)
    plain = scene.truth.images
    assert plain is not None
    assert found.images is not None
    mean = scene.sets.adversary.float().mean(0, keepdim=True).round().to(torch.uint8)
    blind = ssim(mean.expand(len(plain), -1, -1, -1).contiguous(), plain)
    return float(ssim(found.images, plain).mean()), float(blind.mean()), found.limits


def test_images_come_back_from_many_rounds_and_not_from_one() -> None:
    ours, blind, limits = _attacked(_scene(50))
    assert ours > blind + 0.2
    assert not limits
    ours, blind, limits = _attacked(_scene(1))
    assert ours < blind + 0.05
    assert limits


def test_the_attack_holds_nothing_secret() -> None:
    observation = _scene(5).observation
    assert observation.scheme.config.public is None
    assert not hasattr(observation.scheme, "key")
    with pytest.raises(ThreatModelError, match="class labels"):
        _ = observation.labels


def test_granted_labels_are_the_weights_of_classes_and_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = _scene(25, labels=True)
    scheme, key, labels = InstaHide(members=3, rounds=25), scene.truth.key, scene.observation.labels
    assert isinstance(key, Key)
    plan = scheme.plan(key, 8, len(scheme.public_images((3, 16, 16))))
    wanted = np.zeros((200, 4))
    for row, (members, weights) in enumerate(zip(plan.members, plan.weights, strict=True)):
        for slot in range(2):
            wanted[row, members[slot] % 4] += weights[slot]
    assert labels.shape == (8, 25, 4)
    assert np.allclose(labels.flatten(0, 1).numpy(), wanted, atol=1e-6)
    used: list[Any] = []
    real = release.make_release

    def noted(*given: Any) -> release.Release:
        used.append(given[3])
        return real(*given)

    monkeypatch.setattr(release, "make_release", noted)
    ours, blind, limits = _attacked(scene)
    assert torch.equal(used[0], labels.flatten(0, 1))
    assert ours > blind + 0.2
    assert not limits
    baselines = image_scores._blind(scene, 0)
    assert baselines["class-mean"].shape == scene.sets.victims.shape


def test_what_it_cannot_be_tried_on() -> None:
    with pytest.raises(NotApplicable, match="it reads the mixtures of 'instahide'"):
        _scene(5, target="neuracrypt")
    with pytest.raises(NotApplicable, match="too few: give 50 or more"):
        _attacked(_scene(5, public=20))
