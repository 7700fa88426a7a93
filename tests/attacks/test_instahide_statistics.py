from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context
from ppattack.data.source import ImageSets
from ppattack.errors import NotApplicable
from ppattack.evaluation.placement import in_order
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from tests.support.mixtures import images

QUICK: dict[str, Any] = {"iterations": 8, "refinements": 0, "samples": 2000}


def _scene(rounds: int, public: int = 400, target: str = "instahide") -> Scenario:
    attack = registry.attack("instahide-statistics")(**QUICK)
    settings = {"members": 3, "rounds": rounds} if target == "instahide" else {}
    scheme = registry.target(target)(**settings)
    sets = ImageSets("noise", images("victims", 8), images("adversary's", public))
    return simulate(attack, scheme, sets, "dataset", 0)


def _attacked(scene: Scenario) -> tuple[float, float, str]:
    """SSIM of what comes back and of the mean image, and what limits it."""
    attack = registry.attack("instahide-statistics")(**QUICK)
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


def test_what_it_cannot_be_tried_on() -> None:
    with pytest.raises(NotApplicable, match="it reads the mixtures of 'instahide'"):
        _scene(5, target="neuracrypt")
    with pytest.raises(NotApplicable, match="too few: give 50 or more"):
        _attacked(_scene(5, public=20))
