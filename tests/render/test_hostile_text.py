"""Text of plug-ins and of names of files reaches no reader as an instruction."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from ppattack.render.html import report_html
from ppattack.render.tables import report_csv, report_latex, report_markdown
from ppattack.reports.found import SavedRun, read_runs
from ppattack_cli import tables
from tests.support.saved import report, save

HOSTILE = "=evil\x1b]0;title\x07\x9b31m\r\u202e[bold red]<b>\\input{x}"
RAW = ("\x1b", "\x07", "\x9b", "\r", "\u202e")


def _runs(folder: Path) -> list[SavedRun]:
    made: Any = report("itn", "etc")
    target = made.target.model_copy(update={"name": HOSTILE})
    data = made.data.model_copy(update={"name": HOSTILE})
    made = made.model_copy(update={"target": target, "data": data, "reason": HOSTILE})
    save(folder, made)
    return read_runs([folder])


def test_no_control_character_reaches_a_table_or_a_page(tmp_path: Path) -> None:
    runs = _runs(tmp_path)
    for text in (report_markdown(runs), report_latex(runs), report_html(runs)):
        assert "evil" in text
        assert not any(each in text for each in RAW)
    assert "\\input{" not in report_latex(runs)
    assert "\n\"'=evil" in report_csv(runs)


def test_neither_control_characters_nor_markup_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = _runs(tmp_path)
    shown = io.StringIO()
    monkeypatch.setattr(
        tables, "console", lambda: tables.SafeConsole(file=shown, width=200, highlight=False)
    )
    tables.print_report(run.report, run.folder)
    text = shown.getvalue()
    assert text.count("[bold red]") == 4  # target, data, reason and folder
    assert not any(each in text for each in RAW)
