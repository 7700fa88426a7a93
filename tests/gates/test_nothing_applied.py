"""A verdict of two words: it decides nothing, wherever it is shown or asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from ppattack.errors import ConfigError
from ppattack.gates.conditions import parse
from ppattack.gates.rules import exit_code, judge, rule
from ppattack.render.numbers import SYMBOLS
from ppattack.reports.found import read_runs
from ppattack.reports.run import OPEN, VerdictName
from ppattack_cli.tables import VERDICT_COLOURS
from ppattack_cli.watch import LETTERS
from tests.support.program import in_process
from tests.support.saved import report, save

NOTHING: VerdictName = "NOTHING APPLIED"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one such run."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    save(tmp_path / "runs" / "a", report("audit", "mine", NOTHING, gain=0.02))
    return tmp_path


def test_every_verdict_is_known_everywhere() -> None:
    every = set(get_args(VerdictName))
    assert set(OPEN) == {"INCONCLUSIVE", NOTHING}
    assert set(SYMBOLS) == set(VERDICT_COLOURS) == set(LETTERS) == every


def test_a_gate_stays_shut(folder: Path) -> None:
    files = "--junit junit.xml --sarif found.sarif"
    code, _, errors = in_process(f"gate runs --fail-on 'ssim.gain > 0.1' {files}", folder)
    assert code == 4, errors
    assert errors.splitlines()[-1] == "gate inconclusive: 0 passed, 0 violated, 1 inconclusive"
    suite = ET.parse(folder / "junit.xml").getroot()[0]
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "0")
    (result,) = json.loads((folder / "found.sarif").read_text())["runs"][0]["results"]
    assert result["level"] == "warning"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("verdict == NOTHING APPLIED", True),
        ("verdict != NOTHING APPLIED", False),
        ("verdict == NOTHING APPLIED and ssim.gain < 1", True),
        ("(verdict == NOTHING APPLIED) or ssim.gain > 1", True),
        ("verdict == INCONCLUSIVE or ssim.gain > 1", False),
        ("verdict == RESISTED and ssim.gain < 1", False),
    ],
)
def test_conditions_take_both_words(folder: Path, text: str, holds: bool) -> None:
    found = report("audit", "mine", NOTHING, gain=0.02)
    assert parse(text).holds(found) is holds


@pytest.mark.parametrize(
    "text", ["verdict == NOTHING", "verdict == APPLIED", "verdict == NOTHING 1"]
)
def test_half_of_it_is_no_verdict(text: str) -> None:
    with pytest.raises(ConfigError, match="the verdicts are BROKEN, RESISTED, INCONCLUSIVE, NOT"):
        parse(text)


def test_a_rule_can_let_it_pass(tmp_path: Path) -> None:
    save(tmp_path / "a", report("audit", "mine", NOTHING, gain=0.02))
    assert exit_code(judge(read_runs([tmp_path]), [rule("verdict == BROKEN")])) == 4


def test_pages_and_tables_show_it(folder: Path) -> None:
    code, _, errors = in_process("report runs --html page.html --md table.md", folder)
    assert code == 0, errors
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert '<span class="badge NOTHING-APPLIED">– NOTHING APPLIED</span>' in page
    assert ".NOTHING-APPLIED {" in page
    assert "– NOTHING APPLIED" in (folder / "table.md").read_text(encoding="utf-8")
