"""What can be told of images is shown in the terminal, on the page and in tables."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

import ppattack
from ppattack.gates.conditions import parse
from ppattack.render.html import report_html
from ppattack.render.tables import report_csv
from ppattack.reports.found import SavedRun
from ppattack.reports.run import Report, read_report
from ppattack.request import RunRequest
from ppattack.sweeps.worst_case import worst_case
from tests.support.program import in_process

NEW = ("reidentification", "recognisability", "classification")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[SavedRun]:
    """Two attacks on the same digits; the second gives back what it was given."""
    out = tmp_path_factory.mktemp("runs")
    request = RunRequest(
        "fr", "pe", data="digits", victims=24, adversary=60, out=out, preset="smoke", gallery=50
    )
    found = [ppattack.run(each) for each in (request, replace(request, attack="none"))]
    return [SavedRun(each.folder, each.report) for each in found]


def test_candidates_are_as_many_as_were_asked_for(runs: list[SavedRun]) -> None:
    for run in runs:
        named = run.report.scores.reidentification
        assert named is not None
        assert named.candidates == 50
        assert named.chance == 1 / 50
    names = runs[0].folder.joinpath("scores.csv").read_text().splitlines()[0].split(",")
    assert {f"{metric}.{role}" for metric in NEW for role in ("reconstruction", "gain")} <= {*names}


def test_the_terminal_shows_all_three(runs: list[SavedRun], tmp_path: Path) -> None:
    folder = runs[0].folder.parent
    arguments = (
        "run --attack fr --target pe --data digits -n 24 --adversary 60 --preset smoke "
        f"--gallery 50 --out {folder}"
    )
    code, out, _ = in_process(arguments, tmp_path)
    assert code == 0
    assert "among 50 images by" in out
    assert "chance 2.00%" in out
    assert "recognisable: " in out
    assert "a classifier of plain images names" in out
    assert all(name in out for name in NEW)


def test_the_page_and_the_table_hold_them(runs: list[SavedRun]) -> None:
    page = report_html(runs)
    assert "named among 50 images" in page
    assert "nearer to the true image" in page
    assert "named by the plain classifier" in page
    rows = list(csv.DictReader(io.StringIO(report_csv(runs))))
    named = runs[0].report.scores.reidentification
    assert named is not None
    row = next(row for row in rows if row["attack"] == "fr")
    assert float(row["reidentification"]) == pytest.approx(named.rank1)
    assert row["candidates"] == "50"
    assert 0 <= float(row["recognisability"]) <= 1
    assert 0 < float(row["majority"]) < 1


def test_rules_can_ask_for_them(runs: list[SavedRun]) -> None:
    report = runs[0].report
    named = report.scores.reidentification
    assert named is not None
    for text in (
        "reidentification.rank1 <= 1 and reidentification.chance == 0.02",
        "reidentification.gain.low >= -1",
        "recognisability.below_first >= 0",
        "classification.majority > 0 and classification.reconstruction <= 1",
    ):
        assert parse(text).holds(report) is True
    assert parse("reidentification.rank1 > 1").holds(report) is False


def test_the_worst_case_is_that_of_the_run_that_tells_most(runs: list[SavedRun]) -> None:
    found = worst_case(runs, seed=0).scores
    for name in NEW:
        means = [getattr(run.report.scores, name).reconstruction.mean for run in runs]
        best = min(means) if name == "recognisability" else max(means)
        assert getattr(found, name).reconstruction.mean == best


def test_reports_of_before_are_still_read(runs: list[SavedRun], tmp_path: Path) -> None:
    content = json.loads((runs[0].folder / "report.json").read_text())
    for name in NEW:
        del content["scores"][name]
    del content["threat"]["public_labels"]
    content["schema_version"] = "1.4"
    (tmp_path / "report.json").write_text(json.dumps(content))
    found: Report = read_report(tmp_path)
    assert found.scores.reidentification is None
    assert not found.threat.public_labels
    assert "named among" not in report_html([SavedRun(tmp_path, found)])
