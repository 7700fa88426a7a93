"""A curve: one attack at several values of a setting, every point an ordinary run."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ppattack.attack import SilentProgress
from ppattack.errors import ConfigError
from ppattack.render.curve import _places, draw_curve
from ppattack.reports.curve import Curve, CurvePoint
from ppattack.reports.run import read_report
from ppattack.request import RunRequest
from ppattack.sweeps.curve import run_curve
from tests.support.program import in_process

pytestmark = pytest.mark.long

POINT = CurvePoint("1", 0.5, 0.4, 0.6, 0.1, 0.9, "BROKEN", 0.1, "a-b-0")


def request(out: Path, **changes: Any) -> RunRequest:
    base = RunRequest(
        "known-plaintext", "ele", victims=12, adversary=12, size=32, out=out, save_images=0
    )
    return replace(base, **changes)


class Said(SilentProgress):
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def log(self, message: str) -> None:
        self.words.append(message)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Curve, Path]:
    place = tmp_path_factory.mktemp("runs")
    return run_curve(request(place), "attack.pairs", ["1", "3", "12"])


def test_more_pairs_give_more_and_every_point_is_a_run(done: tuple[Curve, Path]) -> None:
    curve, folder = done
    assert (curve.attack, curve.target, curve.data) == ("known-plaintext", "ele", "photos")
    assert folder.name.startswith("known-plaintext-ele-curve-")
    assert sorted(path.name for path in folder.iterdir()) == [
        "curve.csv",
        "curve.json",
        "curve.png",
    ]
    ssim = [point.ssim or 0.0 for point in curve.points]
    key = [point.key or 0.0 for point in curve.points]
    assert ssim[0] < ssim[1] < ssim[2]
    assert ssim[2] > 0.9
    assert key[0] < key[1] < key[2]
    for point, pairs in zip(curve.points, (1, 3, 12), strict=True):
        report = read_report(folder.parent / point.run)
        assert report.attack.config["pairs"] == pairs == int(point.value)
        assert report.data.victims == 12
        assert report.scores.ssim is not None
        assert point.ssim == report.scores.ssim.reconstruction.mean
        assert (point.ssim_low, point.ssim_high) == report.scores.ssim.reconstruction.ci95
        assert point.verdict == report.verdict


def test_files_hold_the_points(done: tuple[Curve, Path]) -> None:
    curve, folder = done
    saved = json.loads((folder / "curve.json").read_text())
    assert saved["setting"] == "attack.pairs"
    assert [point["value"] for point in saved["points"]] == ["1", "3", "12"]
    assert (
        Curve(**{**saved, "points": tuple(CurvePoint(**point) for point in saved["points"])})
        == curve
    )
    rows = list(csv.DictReader((folder / "curve.csv").open()))
    assert [float(row["key"]) for row in rows] == [point.key for point in curve.points]


def test_runs_are_reused_and_curves_of_other_values_lie_elsewhere(
    done: tuple[Curve, Path],
) -> None:
    place = done[1].parent
    before = {path: path.stat().st_mtime_ns for path in place.glob("*/report.json")}
    assert len(before) == 3
    said = Said()
    assert run_curve(request(place), "attack.pairs", ["1", "3", "12"], said) == done
    assert said.words == [f"attack.pairs = {pairs}" for pairs in (1, 3, 12)]
    _, folder = run_curve(request(place), "attack.pairs", ["12", "3"])
    assert folder != done[1]
    assert {path: path.stat().st_mtime_ns for path in place.glob("*/report.json")} == before


def test_a_setting_of_the_target(tmp_path: Path) -> None:
    asked = request(tmp_path, target="etc", attack_settings={"pairs": 1})
    curve, _ = run_curve(asked, "target.block_size", ["4", "16"])
    configs = [read_report(tmp_path / point.run).target.config for point in curve.points]
    assert [config["block_size"] for config in configs] == [4, 16]


def test_attack_strength_against_quality(tmp_path: Path) -> None:
    asked = request(tmp_path, target="etc", attack_settings={"pairs": 2}, jpeg="50:420")
    curve, folder = run_curve(asked, "jpeg", ["none", "90", "20:420"])
    assert curve.setting == "jpeg"
    reports = [read_report(tmp_path / point.run) for point in curve.points]
    assert [report.threat.jpeg for report in reports] == [None, "90:444", "20:420"]
    whole, light, heavy = (point.ssim or 0.0 for point in curve.points)
    assert whole > light > heavy
    with Image.open(folder / "curve.png") as picture:
        assert picture.size == (660, 440)


def test_what_an_attack_leaves_open_is_shown_beside(tmp_path: Path) -> None:
    asked = request(tmp_path, attack="jigsaw", target="etc", size=32)
    curve, folder = run_curve(asked, "jpeg", ["95", "30"])
    for point in curve.points:
        report = read_report(tmp_path / point.run)
        assert report.best_state_ssim is not None
        assert point.best_state == report.best_state_ssim.mean
        assert point.best_state >= (point.ssim or 0.0)
    assert "best_state" in (folder / "curve.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("setting", ["jpeg", "attack.pairs"])
def test_only_qualities_are_drawn_to_scale(setting: str) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    places = _places(axes, ["95", "85", "75"], logarithmic=setting != "jpeg")
    assert places == [95.0, 85.0, 75.0]
    assert axes.get_xscale() == ("linear" if setting == "jpeg" else "log")


@pytest.mark.parametrize(
    ("setting", "values", "words"),
    [
        ("pairs", ["1"], "attack.NAME or target.NAME, or jpeg, not 'pairs'"),
        ("jpeg", ["101"], "JPEG '101:444' is not valid"),
        ("jpeg", ["best"], "JPEG 'best' is not valid"),
        ("jpeg.quality", ["85"], "not 'jpeg.quality'"),
        ("seed.pairs", ["1"], "not 'seed.pairs'"),
        ("attack.", ["1"], "not 'attack.'"),
        ("attack.pairs", [], "each of them once"),
        ("attack.pairs", ["1", "1"], "each of them once"),
        ("attack.pears", ["1"], "no setting 'pears'"),
        ("attack.pairs", ["some"], "pairs"),
    ],
)
def test_wrong_settings_are_refused(
    tmp_path: Path, setting: str, values: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        run_curve(request(tmp_path), setting, values)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "values", [["1", "10", "100"], ["0", "1"], ["auto", "byte"], ["3"]], ids=str
)
@pytest.mark.parametrize("scored", [True, False])
def test_any_values_can_be_drawn(tmp_path: Path, values: list[str], scored: bool) -> None:
    point = POINT
    if not scored:
        point = replace(POINT, ssim=None, ssim_low=None, ssim_high=None, baseline=None, key=None)
    points = tuple(replace(point, value=value) for value in values)
    draw_curve(tmp_path / "curve.png", Curve("a", "b", "attack.unit", "photos", points))
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (660, 440)


def test_the_command(tmp_path: Path) -> None:
    words = "run --attack known-plaintext --target etc -n 10 --adversary 12 --curve attack.pairs="
    code, out, errors = in_process(f"{words}1,2", tmp_path)
    assert code == 0, errors
    lines = out.splitlines()
    assert "attack.pairs" in lines[2]
    assert [line.split()[0] for line in lines[4:6]] == ["1", "2"]
    assert (tmp_path / lines[-1].removeprefix("curve: ")).is_file()
    code, out, _ = in_process(f"{words}1,2 --json", tmp_path)
    assert code == 0
    assert [point["value"] for point in json.loads(out)["points"]] == ["1", "2"]
    for wrong in ("", ",", "1,1"):
        code, _, errors = in_process(f"{words}{wrong}", tmp_path)
        assert code == 2
        assert "curve" in errors
