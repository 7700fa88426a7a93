from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ppattack.errors import ReportError
from ppattack.reports.run import SCHEMA_VERSION, read_report, scores_csv
from ppattack.reports.scores import Summary
from tests.support.run_requests import finished_report

PLACES = (
    "schema_version id attack target data threat scores verdict controls timing provenance"
).split()


def test_the_places_other_tools_read_are_there(tmp_path: Path) -> None:
    document = json.loads(finished_report(tmp_path).to_json())
    assert set(PLACES) <= set(document)
    assert {"name", "config"} <= set(document["attack"])
    assert {"name", "config", "key_space_bits"} <= set(document["target"])
    assert {"name", "hash", "shape", "victims", "adversary"} <= set(document["data"])
    assert {"public", "pairs", "chosen", "own_keys", "key_scope"} <= set(document["threat"])
    metrics = {"ssim", "ssim_wang2004", "psnr", "lpips", "key", "matching", "puzzle"}
    assert metrics <= set(document["scores"])
    for role in ("reconstruction", "ciphertext", "baseline", "gain"):
        found = document["scores"]["ssim"][role]
        assert set(found) == {"n", "mean", "median", "q1", "q3", "min", "max", "ci95"}
    assert document["verdict"] in ("BROKEN", "RESISTED", "INCONCLUSIVE")
    for name, part in document["scores"].items():
        assert (part is None) == (name in document["absent"])
    provenance = document["provenance"]
    assert {"versions", "git_commit", "device", "threads", "seed", "command"} <= set(provenance)


def test_json_round_trip(tmp_path: Path) -> None:
    report = finished_report(tmp_path)
    path = tmp_path / "report.json"
    path.write_text(report.to_json())
    assert read_report(path) == report
    assert read_report(tmp_path) == report


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a ppattack report"),
        ("[]", "not a ppattack report"),
        ("{}", "not a ppattack report: .*Field required"),
        ('{"schema_version": "1.0"', "not a ppattack report"),
    ],
)
def test_a_damaged_report_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ReportError, match=message):
        read_report(path)


def test_a_missing_report_and_another_schema_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot read"):
        read_report(tmp_path)
    text = finished_report(tmp_path).to_json().replace(f'"{SCHEMA_VERSION}"', '"2.0"', 1)
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ReportError, match=r"schema version 2\.0"):
        read_report(tmp_path)


def test_a_newer_report_is_called_newer(tmp_path: Path) -> None:
    document = json.loads(finished_report(tmp_path).to_json())
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**document, "schema_version": "1.999"}))
    assert read_report(tmp_path).schema_version == "1.999"
    path.write_text(json.dumps({**document, "schema_version": "1.999", "field_of_tomorrow": 1}))
    with pytest.raises(ReportError, match=r"1\.999, which is newer .*\(field_of_tomorrow\)"):
        read_report(tmp_path)
    path.write_text(json.dumps({**document, "field_of_nobody": 1}))
    with pytest.raises(ReportError, match="is not a ppattack report: field_of_nobody"):
        read_report(tmp_path)


def test_no_number_that_json_cannot_hold() -> None:
    numbers = dict.fromkeys(("mean", "median", "q1", "q3", "min"), 0.0)
    with pytest.raises(ValidationError):
        Summary(n=1, max=float("inf"), ci95=(0, 0), **numbers)


def test_csv_has_a_row_an_image() -> None:
    text = scores_csv(["a", "b,c"], {"ssim.gain": [0.5, 1 / 3]})
    assert text == 'image,ssim.gain\na,0.5\n"b,c",0.333333\n'
