from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.program import in_process
from tests.support.saved import report, save


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with one run of each verdict."""
    save(tmp_path / "runs", report("itn", "etc"), images=1)
    save(tmp_path / "runs", report("itn", "le", "RESISTED", gain=0.0))
    save(tmp_path / "runs", report("itn", "pe", "INCONCLUSIVE", gain=None))
    return tmp_path


def test_without_options_a_page_is_made(runs: Path) -> None:
    assert in_process("report runs", runs) == (0, "report: report.html\n", "")
    assert (runs / "report.html").read_text().lstrip().startswith("<!doctype html>")


def test_tables_go_where_they_are_asked(runs: Path) -> None:
    code, out, _ = in_process("report runs --md m.md --csv c.csv --latex l.tex", runs)
    assert code == 0
    assert out.splitlines() == ["report: m.md", "report: c.csv", "report: l.tex"]
    assert not (runs / "report.html").exists()
    code, out, errors = in_process("report runs --md - --csv c.csv", runs)
    assert code == 0
    assert out == (runs / "m.md").read_text()
    assert errors == "report: c.csv\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("report nowhere", "there is no nowhere"),
        ("report empty", "holds no finished run"),
        ("report runs broken --md m.md", "not a ppattack report"),
        ("report runs --compare nowhere --md m.md", "there is no nowhere"),
        ("report runs --md m.md --html empty", "is a folder"),
        ("report", "Missing argument"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(runs: Path, arguments: str, words: str) -> None:
    (runs / "empty").mkdir()
    (runs / "broken").mkdir()
    (runs / "broken" / "report.json").write_text("{}")
    before = sorted(runs.rglob("*"))
    code, out, errors = in_process(arguments, runs)
    assert (code, out) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


def test_no_page_is_written_over_another_or_over_a_report(runs: Path) -> None:
    place = next((runs / "runs").rglob("report.json"))
    saved = place.read_bytes()
    for arguments, words in (
        ("--html a --md ./a", "--html and --md name the same file"),
        (f"--csv {place}", "is the report of a run"),
    ):
        code, out, errors = in_process(f"report runs {arguments}", runs)
        assert (code, out) == (2, "")
        assert words in errors
    assert place.read_bytes() == saved
    assert not (runs / "a").exists()
    assert in_process("report runs --md - --csv -", runs)[0] == 0
