"""Classes that were named, by the attack or by a classifier of reconstructions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.evaluation.verdict import decide
from ppattack.metrics.images import ImageScorer
from ppattack.reports.run import ControlResult, Report
from ppattack.reports.scores import ClassificationScores, Scores
from ppattack.scenario import Scenario, simulate
from ppattack.threat import ThreatModel
from targets.one_time_pad import OneTimePad
from targets.plain import Plain
from tests.support.labelled import class_sets
from tests.support.probe import Probe

SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")
PAD = OneTimePad()
PASSED = ControlResult(target="t", config={}, victims=24, gain=None, passed=True, words="")


def scene(sets: ImageSets) -> Scenario:
    return simulate(Probe(ThreatModel()), PAD, sets, "image", seed=0)


def scored(recovery: Recovery, scenario: Scenario, *, only_gain: bool = False) -> Evaluation:
    return evaluate(recovery, scenario, PAD, SCORER, seed=0, only_gain=only_gain)


def told(found: Evaluation) -> ClassificationScores:
    scores = found.scores.classification
    assert scores is not None
    assert scores.gain is not None
    return scores


@pytest.fixture(scope="module")
def classes() -> ImageSets:
    return class_sets(90, 150)


def test_classes_named_by_an_attack_decide(classes: ImageSets) -> None:
    labels = classes.victim_labels
    assert labels is not None
    scenario = scene(classes)
    found = scored(Recovery(classes=labels), scenario)
    scores = told(found)
    assert scores.by == "attack"
    assert scores.reconstruction.mean == 1.0
    assert scores.majority == pytest.approx(1 / 3)
    assert scores.plain is not None
    assert scores.plain > 0.9
    assert scores.normalised == pytest.approx((1 - 1 / 3) / (scores.plain - 1 / 3))
    assert scores.wilson95[0] > 0.9
    main = found.scores.main_gain()
    assert main is not None
    assert main[0] == "classification"
    assert decide(found, None, PASSED)[0] == "BROKEN"
    assert found.columns["classification.reconstruction"].tolist() == [1.0] * 90


@pytest.mark.parametrize("guess", ["constant", "turned", "random"])
def test_a_guess_gains_nothing(classes: ImageSets, guess: str) -> None:
    labels = classes.victim_labels
    assert labels is not None
    named = {
        "constant": torch.zeros_like(labels),
        "turned": (labels + 1) % 3,
        "random": torch.randint(0, 3, labels.shape, generator=torch.Generator().manual_seed(2)),
    }[guess]
    scores = told(scored(Recovery(classes=named), scene(classes), only_gain=True))
    assert scores.gain is not None
    assert scores.gain.ci95[0] <= 0.0
    assert scores.plain is None
    if guess == "constant":
        assert scores.gain.mean == 0.0
    if guess == "turned":
        assert scores.reconstruction.mean == 0.0


def test_a_classifier_looks_at_what_came_back(classes: ImageSets) -> None:
    scenario = scene(classes)
    perfect = told(scored(Recovery(images=classes.victims), scenario))
    assert perfect.by == "plain classifier"
    assert perfect.reconstruction.mean == perfect.plain
    assert perfect.normalised == 1.0
    assert perfect.baseline is not None
    assert perfect.baseline.mean < 0.5
    assert perfect.ciphertext is not None
    assert perfect.ciphertext.mean == pytest.approx(1 / 3, abs=0.15)
    blank = told(scored(Recovery(images=torch.full_like(classes.victims, 128)), scenario))
    assert blank.reconstruction.mean == pytest.approx(1 / 3)
    assert blank.normalised == pytest.approx(0.0)
    other = classes.victims.roll(1, 0)  # every image of another class
    assert told(scored(Recovery(images=other), scenario)).reconstruction.mean < 0.1


def test_a_ciphertext_that_shows_its_class_is_the_baseline(classes: ImageSets) -> None:
    scenario = simulate(Probe(ThreatModel()), Plain(), classes, "dataset", seed=0)
    recovery = Recovery(images=classes.victims)
    scores = evaluate(recovery, scenario, Plain(), SCORER, seed=0).scores.classification
    assert scores is not None
    assert scores.baseline_name == "ciphertext"
    assert scores.gain is not None
    assert scores.gain.mean == 0.0


def test_images_decide_where_there_are_any(classes: ImageSets) -> None:
    found = scored(Recovery(images=classes.victims), scene(classes))
    main = found.scores.main_gain()
    assert main is not None
    assert main[0] == "ssim"
    small = found.scores.model_copy(update={"ssim": None})
    assert small.main_gain() is None  # a classifier of reconstructions decides nothing


def test_without_classes_the_report_says_why(classes: ImageSets) -> None:
    unnamed = replace(classes, victim_labels=None, adversary_labels=None, classes=())
    recovery = Recovery(images=classes.victims)
    found = scored(recovery, scene(unnamed))
    assert found.absent["classification"] == "classes has no class for every image"
    hidden = replace(classes, adversary_labels=None)
    assert "no public image has a class" in scored(recovery, scene(hidden)).absent["classification"]
    ours, theirs = (torch.zeros(count, dtype=torch.int64) for count in (90, 150))
    only = replace(classes, classes=("all",), victim_labels=ours, adversary_labels=theirs)
    assert "only one class" in scored(recovery, scene(only)).absent["classification"]
    nothing = scored(Recovery(matching=torch.arange(90)), scene(classes))
    assert "neither classes nor images" in nothing.absent["classification"]


def test_reports_of_before_are_still_read() -> None:
    for name in ("reidentification", "recognisability", "classification"):
        assert not Scores.model_fields[name].is_required()
    assert Scores().main_gain() is None
    assert "public_labels" not in Report.model_fields
