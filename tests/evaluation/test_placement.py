from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.leaks import measured
from ppattack.evaluation.placement import in_order, placed
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.ssim import ssim
from ppattack.reports.leaks import LeakName
from ppattack.scenario import Scenario, simulate
from ppattack.threat import ThreatModel
from targets.one_time_pad import OneTimePad
from tests.support.mixtures import images
from tests.support.natural import natural_images
from tests.support.probe import Probe

PAD = OneTimePad()
SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")


def test_images_are_put_where_they_fit_best() -> None:
    plain = images("plain", 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.equal(placed(plain[order], plain), plain)


def test_every_image_is_used_once() -> None:
    plain = images("plain", 3)
    given = torch.stack([plain[0], plain[0], plain[0].flip(0)])
    found = placed(given, plain)
    assert sorted(each.sum().item() for each in found) == sorted(
        each.sum().item() for each in given
    )
    assert float(ssim(found[:1], plain[:1])) > 0.99


def test_one_image_for_all_stays_one() -> None:
    one = images("plain", 1).expand(4, -1, -1, -1)
    assert placed(one, images("others", 4)) is one


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Grainy victims of three classes, and as many public images of the same kind."""
    grain = 20 * torch.randn(240, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    grainy = (natural_images(240).float() + grain).clamp(0, 255).to(torch.uint8)
    labels, third = torch.arange(240) % 3, ("a", "b", "c")
    sets = ImageSets(
        "grainy", grainy[:80], grainy[80:], victim_labels=labels[:80],
        adversary_labels=labels[80:], classes=third,
    )  # fmt: skip
    return simulate(Probe(ThreatModel()), PAD, sets, "image", seed=0)


def levels(recovery: Recovery, scenario: Scenario) -> dict[LeakName, bool]:
    """What counts as shown of images in no order."""
    found = evaluate(in_order(recovery, scenario), scenario, PAD, SCORER, seed=0)
    return {name: level.shown for name, level in measured(found).items()}


def victims(scenario: Scenario) -> Tensor:
    assert scenario.truth.images is not None
    return scenario.truth.images


def test_the_victims_in_another_order_are_images_that_came_back(scenario: Scenario) -> None:
    """And nothing else: neither whose they are nor of what class was said."""
    recovery = Recovery(images=victims(scenario).flip(0), unordered=True)
    assert levels(recovery, scenario) == {"images": True}
    found = evaluate(in_order(recovery, scenario), scenario, PAD, SCORER, seed=0)
    for name in ("reidentification", "recognisability", "classification"):
        assert "no order" in found.absent[name]


@pytest.mark.parametrize("edge", [1, 3, 5])
def test_public_images_that_are_put_where_they_fit_are_none(scenario: Scenario, edge: int) -> None:
    """Blurred ones fit better than any blind baseline, and as well to images of nobody's."""
    public = scenario.sets.adversary[:80].float()
    padded = functional.pad(public, [edge // 2] * 4, mode="reflect")
    blurred = functional.avg_pool2d(padded, edge, 1).to(torch.uint8)
    assert levels(Recovery(images=blurred, unordered=True), scenario) == {"images": False}


def test_images_in_no_order_have_no_state_to_choose(scenario: Scenario) -> None:
    for useless in (255 - victims(scenario), scenario.sets.adversary[:80]):
        recovery = Recovery(images=useless, unordered=True, up_to_state=True)
        assert levels(recovery, scenario) == {"images": False}


def test_classes_that_an_attack_names_count_whatever_the_order(scenario: Scenario) -> None:
    classes = scenario.sets.victim_labels
    recovery = Recovery(images=victims(scenario).flip(0), unordered=True, classes=classes)
    assert levels(recovery, scenario)["class"]


def test_without_public_images_nothing_can_be_said(scenario: Scenario) -> None:
    sets = replace(scenario.sets, adversary=victims(scenario)[:0], adversary_labels=None)
    recovery = Recovery(images=victims(scenario).flip(0), unordered=True)
    assert levels(recovery, replace(scenario, sets=sets)) == {}


def test_images_too_small_for_ssim_stay_where_they_are() -> None:
    small = images("plain", 4)[:, :, :6, :6]
    assert placed(small, small.flip(0)) is small
