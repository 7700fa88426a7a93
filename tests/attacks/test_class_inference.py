"""Classes of images whose keys nobody knows."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ppattack
from ppattack.attack import Attack, Context, Recovery
from ppattack.data.source import ImageSets
from ppattack.errors import NotGranted, ThreatModelError
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.verdict import BROKEN_GAIN
from ppattack.isolation import messages
from ppattack.jpeg import Jpeg
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.scenario import Scenario, from_ciphertexts, simulate
from ppattack.target.base import Target
from tests.conftest import smooth_sets
from tests.support.labelled import CLASSES, class_sets, in_classes

CONTEXT = Context(torch.device("cpu"), seed=7)
SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")


def attack(**settings: object) -> Attack:
    return registry.attack("class-inference")(preset="smoke", **settings)


def scene(target: Target, sets: ImageSets, jpeg: Jpeg | None = None) -> Scenario:
    return simulate(attack(), target, sets, target.card.key_scopes[-1], seed=0, jpeg=jpeg)


def share_right(found: Recovery, sets: ImageSets) -> float:
    assert found.classes is not None
    assert sets.victim_labels is not None
    return float(found.classes.eq(sets.victim_labels).double().mean())


@pytest.fixture(scope="module")
def sets() -> ImageSets:
    return class_sets(48, 240, 16)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pe", {"color_shuffle": True}),
        ("le", {}),
        ("ele", {}),
        ("etc", {"block_size": 4}),
        ("plain", {}),
    ],
)
def test_classes_show_under_a_key_for_each_image(
    name: str, settings: dict[str, object], sets: ImageSets
) -> None:
    scenario = scene(registry.target(name)(**settings), sets)
    found = attack()(scenario.observation, CONTEXT)
    assert share_right(found, sets) > 0.85
    assert found.notes["named by"] == "numbers"


def test_a_one_time_pad_shows_none(sets: ImageSets) -> None:
    target = registry.target("one-time-pad")()
    scenario = scene(target, sets)
    found = attack()(scenario.observation, CONTEXT)
    assert found.classes is not None
    assert len(found.classes.unique()) == 1  # the commonest one, for want of evidence
    assert found.notes["named by"] == "commonest class"
    scores = evaluate(found, scenario, target, SCORER, seed=0).scores.classification
    assert scores is not None
    assert scores.gain is not None
    assert scores.gain.mean <= 0.0


def test_it_is_not_told_the_classes_of_the_victims(sets: ImageSets) -> None:
    observation = scene(registry.target("pe")(), sets).observation
    assert observation.class_names == CLASSES
    assert torch.equal(observation.public_labels, sets.adversary_labels)  # type: ignore[arg-type]
    with pytest.raises(ThreatModelError, match="grants no class labels"):
        _ = observation.labels
    sent = messages.unpack(messages.pack(*messages.observation_parts(observation)))
    assert "labels" not in sent[1]
    there = messages.observation_of(*sent, observation.scheme)
    assert torch.equal(there.public_labels, observation.public_labels)
    with pytest.raises(ThreatModelError):
        _ = there.labels


def test_the_classes_of_the_victims_change_nothing(sets: ImageSets) -> None:
    target = registry.target("pe")()
    other = replace(sets, victim_labels=sets.victim_labels.flip(0))  # type: ignore[union-attr]
    first, second = (attack()(scene(target, each).observation, CONTEXT) for each in (sets, other))
    assert torch.equal(first.classes, second.classes)  # type: ignore[arg-type]


def test_wrong_classes_of_public_images_teach_nothing(sets: ImageSets) -> None:
    mixed = sets.adversary_labels[torch.randperm(240)]  # type: ignore[index]
    wrong = replace(sets, adversary_labels=mixed)
    found = attack()(scene(registry.target("pe")(), wrong).observation, CONTEXT)
    assert share_right(found, sets) < 0.5


@pytest.mark.long
def test_a_network_sees_pictures_where_pixels_stay() -> None:
    target = registry.target("pe")()
    many = _bars(60, 600)
    scenario = scene(target, many)
    closed = attack()(scenario.observation, CONTEXT)
    found = attack(epochs=5)(scenario.observation, CONTEXT)
    assert found.notes["named by"] == "network"
    assert share_right(found, many) > share_right(closed, many) + 0.2
    assert share_right(found, many) > 0.8


def _bars(victims: int, public: int) -> ImageSets:
    """Two classes: a short bar that lies or stands, anywhere."""
    rng = np.random.default_rng(0)
    count = victims + public
    labels = torch.arange(count) % 2
    pixels = rng.integers(0, 60, (count, 16, 16))
    for image, label, (top, left) in zip(
        pixels, labels.tolist(), rng.integers(0, 10, (count, 2)), strict=True
    ):
        bar = image if label else image.T
        bar[top, left : left + 4] = 100
    images = torch.from_numpy(pixels.astype(np.uint8))[:, None].repeat(1, 3, 1, 1)
    return ImageSets(
        "bars",
        images[:victims],
        images[victims:],
        classes=("stands", "lies"),
        victim_labels=labels[:victims],
        adversary_labels=labels[victims:],
    )


def test_too_few_public_images_say_nothing() -> None:
    few = class_sets(12, 60, 16)
    found = attack()(scene(registry.target("pe")(), few).observation, CONTEXT)
    assert found.refuted
    assert "too few to learn from" in found.limits


def test_public_images_without_classes_are_refused() -> None:
    unnamed = smooth_sets(12, 200)
    with pytest.raises(NotGranted, match="needs the class of every public image, which smooth"):
        scene(registry.target("pe")(), unnamed)
    images, _ = in_classes(3, 16)
    with pytest.raises(NotGranted, match="class of every public image"):
        _of_files(images, unnamed)


def test_ciphertexts_that_went_through_jpeg_are_learnt_as_such(sets: ImageSets) -> None:
    target = registry.target("etc")(block_size=8)
    scenario = scene(target, sets, Jpeg.read("75"))
    assert share_right(attack()(scenario.observation, CONTEXT), sets) > 0.8


def _of_files(ciphertexts: torch.Tensor, public: ImageSets) -> Scenario:
    names = tuple(f"{i}.png" for i in range(len(ciphertexts)))
    target = registry.target("pe")()
    return from_ciphertexts(
        attack(), target, ciphertexts, names, truth=None, public=public, scope="image"
    )


def test_files_of_somebody_else_get_classes(sets: ImageSets) -> None:
    made = scene(registry.target("pe")(), sets)
    scenario = _of_files(made.observation.ciphertexts, sets)
    found = attack()(scenario.observation, CONTEXT)
    assert share_right(found, sets) > 0.85
    scores = evaluate(found, scenario, registry.target("pe")(), SCORER, seed=0)
    assert scores.scores.classification is None
    assert "has no class for every image" in scores.absent["classification"]


@pytest.mark.parametrize(
    ("target", "settings", "control"),
    [
        ("le", {}, "le"),
        ("ele", {}, "ele"),
        ("pe", {}, "pe"),
        ("etc", {}, "etc"),
        ("one-time-pad", {}, "pe"),
    ],
)
def test_the_positive_control_is_as_hard(
    target: str, settings: dict[str, object], control: str
) -> None:
    scheme = registry.target(target)(**settings).public()
    found = attack().positive_control(scheme)
    assert found is not None
    assert found.target == control
    assert found.key_scope == "image"
    assert found.same_count


@pytest.mark.long
@pytest.mark.parametrize("isolate", [False, True])
def test_a_run_writes_a_class_for_every_ciphertext(tmp_path: Path, isolate: bool) -> None:
    images, labels = in_classes(300, 16)
    file = tmp_path / "images.npz"
    names = np.array(CLASSES)[labels.numpy()]
    np.savez(file, images=images.permute(0, 2, 3, 1).numpy(), labels=names)
    request = RunRequest(
        "class-inference", "pe", data=f"npz:{file}", victims=40, adversary=120, preset="smoke",
        key_scope="image", out=tmp_path / "runs", isolate=isolate,
    )  # fmt: skip
    done = ppattack.run(request)
    report = done.report
    assert report.verdict == "BROKEN"
    assert report.threat.public_labels
    assert not report.threat.labels
    assert "class labels of public images" in report.threat.words
    gain = report.scores.main_gain()
    assert gain is not None
    assert gain[0] == "classification"
    assert gain[1].ci95[0] > BROKEN_GAIN
    rows = list(csv.reader((done.folder / "classes.csv").open(encoding="utf-8")))
    assert rows[0] == ["ciphertext", "class"]
    assert len(rows) == 41
    assert {row[1] for row in rows[1:]} <= set(CLASSES)
