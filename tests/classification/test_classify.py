"""Classifiers trained and tested: they learn what can be learnt and nothing else, and resume."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ppattack.classification.comparison import compare, draw_comparison
from ppattack.classification.experiment import classify
from ppattack.classification.models import InputForm, ModelConfig, build
from ppattack.classification.settings import training_config
from ppattack.errors import ConfigError, DataError, ReportError, RunFailed
from ppattack.reports.classification import ClassificationReport, read_classification
from ppattack.runs.store import Finished
from tests.support.classify_requests import ONE, request
from tests.support.recorder import Recorder

pytestmark = pytest.mark.long


def facts(done: Finished[ClassificationReport]) -> dict[str, Any]:
    """The report without what differs from run to run."""
    report = json.loads(done.report.to_json())
    return {name: part for name, part in report.items() if name not in ("timing", "provenance")}


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Finished[ClassificationReport], Recorder]:
    """A run on plain images, which several tests read, and the progress that it showed."""
    progress = Recorder()
    return classify(request(tmp_path_factory.mktemp("plain")), progress), progress


def test_digits_are_learnt_from_plain_and_from_encrypted_images(
    tmp_path: Path, plain: tuple[Finished[ClassificationReport], Recorder]
) -> None:
    for target, done in (("plain", plain[0]), ("le", classify(request(tmp_path, "le")))):
        accuracy = done.report.accuracy
        assert accuracy.last > 0.8, target
        assert accuracy.wilson95[0] < accuracy.last < accuracy.wilson95[1]
        assert accuracy.chance < 0.2


def test_nothing_is_learnt_from_one_time_pads(tmp_path: Path) -> None:
    done = classify(request(tmp_path, "one-time-pad"))
    assert done.report.key_scope == "image"
    assert done.report.accuracy.last < 0.2
    assert done.report.accuracy.best < 0.2


def test_a_key_for_every_image_is_harder_than_one_for_all(tmp_path: Path) -> None:
    one = classify(request(tmp_path, "ele")).report
    many = classify(request(tmp_path, "ele", key_scope="image")).report
    assert (one.key_scope, many.key_scope) == ("dataset", "image")
    assert one.accuracy.last > many.accuracy.last + 0.5


def test_the_report_says_what_was_done(tmp_path: Path) -> None:
    done = classify(request(tmp_path, "etc", target_settings={"block_size": 8}))
    report = read_classification(done.folder)
    assert report == done.report
    assert report.target.name == "etc"
    assert report.target.config["block_size"] == 8
    assert (report.data.train, report.data.test, report.data.shape) == (1200, 300, (3, 16, 16))
    assert report.data.classes == [str(digit) for digit in range(10)]
    assert len(report.curve["loss"]) == len(report.curve["accuracy"]) == 4
    assert report.accuracy.best == max(report.curve["accuracy"])
    assert report.accuracy.last == report.curve["accuracy"][-1]
    assert report.curve["accuracy"][report.accuracy.best_epoch - 1] == report.accuracy.best
    by_class = report.accuracy.by_class
    assert set(by_class) == set(report.data.classes)
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "best.safetensors", "classification.json", "last.safetensors",
    ]  # fmt: skip


def test_the_stored_weights_have_the_reported_accuracy(
    plain: tuple[Finished[ClassificationReport], Recorder],
) -> None:
    """An independent look at the test images of a plain run."""
    from ppattack.data.digits import Digits
    from ppattack.data.source import ImageRequest

    done, _ = plain
    sets = Digits().load(ImageRequest(300, 1200, 16))
    config = ModelConfig(patch_size=4, kernel_size=3)
    network = build("convmixer-16/2", config, InputForm((3, 16, 16), 10))
    accuracy = done.report.accuracy
    for name, expected in (("last", accuracy.last), ("best", accuracy.best)):
        network.load_state_dict(load_file(done.folder / f"{name}.safetensors"))
        with torch.no_grad():
            named = network.eval()(sets.victims.float() / 127.5 - 1).argmax(dim=1)
        assert float((named == sets.victim_labels).double().mean()) == pytest.approx(expected)


def test_interrupted_and_resumed_is_the_same_as_uninterrupted(tmp_path: Path) -> None:
    settings = {"epochs": 4, "mixup": 0.5, "cutmix": 0.5}
    wanted = request(tmp_path / "whole", "etc", training_settings=settings)
    whole = classify(wanted)
    broken = replace(wanted, out=tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        classify(broken, Recorder(interrupt_at=2.3))
    assert [path.suffix for path in (tmp_path / "broken").iterdir()] == [".partial"]
    resumed = classify(broken)
    assert facts(resumed) == facts(whole)
    for name in ("best", "last"):
        first, second = (
            load_file(done.folder / f"{name}.safetensors") for done in (whole, resumed)
        )
        assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert list((tmp_path / "broken").iterdir()) == [resumed.folder]


def test_a_training_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_number(*_: object, **__: object) -> torch.Tensor:
        return torch.tensor(torch.nan, requires_grad=True)

    monkeypatch.setattr("torch.nn.functional.cross_entropy", no_number)
    with pytest.raises(RunFailed, match="diverged in epoch 1"):
        classify(request(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_progress_shows_the_accuracy(
    plain: tuple[Finished[ClassificationReport], Recorder],
) -> None:
    done, progress = plain
    report = done.report
    shown = [facts["accuracy"] for at, facts in progress.updates if at in (1, 2, 3, 4)]
    assert sorted(set(shown)) == pytest.approx(sorted(set(report.curve["accuracy"])))
    assert all("loss" in facts for _, facts in progress.updates)


def test_a_finished_run_is_reused_unless_forced(tmp_path: Path) -> None:
    first = classify(request(tmp_path, training_settings=ONE))
    assert not first.reused
    again = classify(request(tmp_path, training_settings=ONE))
    assert again.reused
    assert again.report == first.report
    forced = classify(request(tmp_path, training_settings=ONE, force=True))
    assert not forced.reused
    assert facts(forced) == facts(first)
    other = classify(request(tmp_path, training_settings=ONE, seed=1))
    assert other.folder != first.folder


def test_targets_beside_plain_images_and_their_embeddings(tmp_path: Path) -> None:
    base = request(tmp_path, training_settings=ONE)
    found = compare(base, {"etc": {"block_size": 8}, "pe": {}})
    assert [each.report.target.name for each in found] == ["plain", "etc", "pe"]
    assert [each.report.target.name for each in compare(base, {"pe": {}}, plain=False)] == ["pe"]
    assert [each.report.target.config.get("block_size") for each in found] == [None, 8, None]
    path = draw_comparison(found)
    assert path is not None
    with Image.open(path) as picture:
        picture.verify()
    for each in found[:2]:
        (each.folder / "last.safetensors").unlink()
    assert draw_comparison(found) == path.with_name(path.name.replace("plain-etc-", ""))
    assert draw_comparison(found[:2]) is None
    resnet = replace(base, model="shakedrop-8/4", model_settings={})
    assert draw_comparison([classify(resnet)]) is None


@pytest.mark.parametrize(
    ("model", "settings", "target", "target_settings"),
    [
        ("shakedrop-8/4", {"adaptation": "ele"}, "ele", {}),
        ("vit-t/16", {}, "neuracrypt", {"variant": "small", "hidden": 16}),
        ("vit-t/16", {}, "color-neuracrypt", {"variant": "small"}),
    ],
)
def test_every_kind_of_classifier_goes_through(
    tmp_path: Path,
    model: str,
    settings: dict[str, Any],
    target: str,
    target_settings: dict[str, Any],
) -> None:
    done = classify(
        request(
            tmp_path,
            target,
            model=model,
            model_settings=settings,
            target_settings=target_settings,
            training_settings=ONE,
            train=64,
            test=20,
            size=32,
        )
    )
    assert math.isfinite(done.report.curve["loss"][0])
    assert done.report.model.adaptation == settings.get("adaptation", "none")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "photos"}, "no class for every image"),
        ({"test": 1}, "-n 1 is not valid"),
        ({"train": 0}, "--train 0 is not valid"),
        ({"train": 3}, "which is tested: use more with --train"),
        ({"test": 5000}, "not 5000"),
        ({"preset": "papper"}, "no preset"),
        ({"size": 0}, "--size 0"),
        ({"model": "convmixr-8/2"}, "no model"),
        ({"model_settings": {"kernal_size": 3}}, "kernel_size"),
        ({"training_settings": {"epochs": 0}}, "epochs"),
        ({"target": "neuracrypt", "target_settings": {"variant": "small"}}, "tokens"),
        ({"target": "one-time-pad", "key_scope": "dataset"}, "no key scope"),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    out = tmp_path / "runs"
    with pytest.raises((ConfigError, DataError), match=words):
        classify(request(out, **changes))
    assert not out.exists() or not any(out.iterdir())


def test_papers_treat_plain_images_differently() -> None:
    plain = training_config("paper", "convmixer-256/8", {}, encrypted=False, images=50_000)
    secret = training_config("paper", "convmixer-256/8", {}, encrypted=True, images=50_000)
    assert (plain.epochs, plain.batch_size, plain.learning_rate) == (300, 64, 0.01)
    assert plain.rand_augment
    assert not secret.rand_augment
    assert secret.mixup == secret.cutmix == 0.5
    steps = training_config("paper", "vit-b/16", {}, encrypted=True, images=50_000)
    assert round(steps.epochs * 50_000 / steps.batch_size, -2) == 20_000
    for preset in ("smoke", "standard"):
        both = [
            training_config(preset, "resnet-18", {}, encrypted=secret, images=100)
            for secret in (False, True)
        ]
        assert both[0] == both[1]


@pytest.mark.parametrize("text", ["{", '{"schema_version": "1.0"}'])
def test_damaged_reports_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "classification.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=r"classification\.json"):
        read_classification(path)


def test_reports_of_another_version_are_refused(tmp_path: Path) -> None:
    done = classify(request(tmp_path, training_settings=ONE))
    text = done.report.to_json().replace('"schema_version": "1.', '"schema_version": "9.')
    (done.folder / "classification.json").write_text(text)
    with pytest.raises(ReportError, match="schema version 9"):
        read_classification(done.folder)


def test_filters_are_shown_the_strongest_first() -> None:
    from ppattack.render.embedding import mosaic

    filters = np.zeros((3, 3, 2, 2), np.float32)
    filters[1] = 2.0
    filters[2, 0] = -1.0
    made = mosaic(filters)
    assert made.shape == (5, 5, 3)
    assert np.array_equal(made[:2, :2], np.ones((2, 2, 3), np.float32))  # filter 1: all white
    assert np.array_equal(made[0, 3], np.array([0, 0.5, 0.5], np.float32))  # filter 2: no red
    assert np.array_equal(made[3, 0], np.full(3, 0.5, np.float32))  # filter 0: nothing


@pytest.mark.gpu
def test_a_gpu_learns_as_well(tmp_path: Path) -> None:
    for target in ("plain", "ele"):
        report = classify(request(tmp_path, target, device="cuda")).report
        assert report.accuracy.last > 0.8, target
        assert "cpu" not in report.provenance["device"]
