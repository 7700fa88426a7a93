"""What a sweep shows while it runs."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from ppattack.reports.sweep import Cell, Outcome, Sweep
from ppattack.request import RunRequest
from ppattack.sweeps.sweep import run_sweep
from ppattack_cli.watch import Lines, Nobody, Screen, drawing, watcher

BROKEN = Outcome(state="done", run="a", verdict="BROKEN", metric="ssim", gain=0.3)
FAILED = Outcome(state="failed", reason="no memory")
NOT_APPLICABLE = Outcome(state="not applicable", reason="no blocks")


def cell(attack: str, target: str = "etc", seed: int = 0) -> Cell:
    """A queued one."""
    return Cell(attack=attack, target=target, key_scope=None, seed=seed, isolated=False, command="")


QUEUED = Sweep(id="0", cells=(cell("fr"), cell("itn"), cell("fr", "<le>"), cell("m.py:Mine")))


def ended(sweep: Sweep, number: int, outcome: Outcome) -> Sweep:
    """The sweep after a cell has ended."""
    cells = list(sweep.cells)
    cells[number] = cells[number].model_copy(update={"outcome": outcome})
    return sweep.model_copy(update={"cells": tuple(cells)})


class FakeLive:
    """Keeps every drawing as text."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, renderable: object, *, refresh: bool) -> None:
        """Draw it."""
        assert refresh  # nothing else redraws the table
        console = Console(record=True, file=io.StringIO(), width=100)
        console.print(renderable)
        self.shown.append(console.export_text())


def rows(text: str) -> dict[str, list[str]]:
    """Marks by the first column, which are set apart by two spaces."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]
    return {first: rest for first, *rest in lines}


def test_every_cell_is_queued_then_running_then_shows_its_result() -> None:
    live = FakeLive()
    screen = Screen(live)  # type: ignore[arg-type]
    screen.started(0)
    assert live.shown == []  # there is no table yet
    screen.changed(QUEUED)
    assert rows(live.shown[-1])["etc, default, 0"] == ["running", "queued", "queued"]
    sweep = ended(QUEUED, 0, BROKEN)
    screen.changed(sweep)
    assert rows(live.shown[-1])["etc, default, 0"] == ["B +0.30", "queued", "queued"]
    assert "1 done, 1 broken, 0 failed, 3 queued" in live.shown[-1]
    screen.started(1)
    screen.started(3)
    assert rows(live.shown[-1])["etc, default, 0"] == ["B +0.30", "running", "running"]
    screen.changed(ended(ended(sweep, 1, FAILED), 3, NOT_APPLICABLE))
    last = rows(live.shown[-1])
    assert last["target, keys, seed"] == ["fr", "itn", "Mine"]
    assert last["etc, default, 0"] == ["B +0.30", "failed", "-"]
    assert last["<le>, default, 0"] == ["queued"]
    assert "1 done, 1 broken, 1 failed, 1 queued" in live.shown[-1]


def test_names_are_text_and_verdicts_read_without_colour() -> None:
    sweep = Sweep(id="0", cells=(cell("[bold]x[/]", "[red]t"),))
    for verdict, letter in (("BROKEN", "B"), ("RESISTED", "R"), ("INCONCLUSIVE", "?")):
        done = BROKEN.model_copy(update={"verdict": verdict})
        console = Console(record=True, file=io.StringIO(), width=100, color_system=None)
        console.print(drawing(ended(sweep, 0, done)))
        text = console.export_text()
        assert "[bold]x[/]" in text
        assert rows(text)["[red]t, default, 0"] == [f"{letter} +0.30"]


def test_a_terminal_is_redrawn_in_place_and_left_clean() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=20)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        screen = Screen(live)
        screen.changed(QUEUED)
        shown = file.getvalue()
        screen.changed(ended(QUEUED, 0, BROKEN))
    assert "queued" in shown
    assert "+0.30" in file.getvalue()[len(shown) :]
    assert "\x1b[2K" in file.getvalue()[len(shown) :]  # lines are wiped


def test_elsewhere_a_line_tells_of_every_cell_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.started(0)
    lines.changed(QUEUED)
    sweep = ended(QUEUED, 1, FAILED)
    lines.changed(sweep)
    lines.changed(ended(sweep, 3, NOT_APPLICABLE))
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.splitlines() == [
        "0 done, 0 broken, 0 failed, 4 queued",
        "itn on etc, default, 0: failed: no memory",
        "0 done, 0 broken, 1 failed, 3 queued",
        "Mine on etc, default, 0: not applicable: no blocks",
        "0 done, 0 broken, 1 failed, 2 queued",
    ]


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize(
    ("quiet", "stream", "kind"),
    [(True, Terminal, Nobody), (False, io.StringIO, Lines), (False, Terminal, Screen)],
)
def test_what_is_shown_fits_where_it_goes(
    quiet: bool, stream: type[io.StringIO], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream())
    with watcher(quiet=quiet) as watch:
        assert isinstance(watch, kind)
        watch.started(0)
        watch.changed(QUEUED)


class Pretending:
    """An executor that runs nothing; see :func:`test_a_sweep_draws_the_table_as_it_goes`."""

    count = 1

    def map(self, function: object, parts: object) -> list[object]:
        """Not asked for."""
        raise NotImplementedError

    def run(self, cells: object, started: object) -> Iterator[tuple[int, Outcome]]:
        """Begin and end one cell after another."""
        for number, _ in cells:  # type: ignore[attr-defined]
            started(number)  # type: ignore[operator]
            yield number, FAILED


def test_a_sweep_draws_the_table_as_it_goes(tmp_path: Path) -> None:
    live = FakeLive()
    requests = [
        RunRequest(attack, "pe", out=tmp_path, victims=4, adversary=4, size=16)
        for attack in ("fr", "itn")
    ]
    run_sweep(requests, Pretending(), Screen(live))  # type: ignore[arg-type]
    marks = [rows(text)["pe, default, 0"] for text in live.shown]
    assert marks == [
        ["queued", "queued"],
        ["running", "queued"],
        ["failed", "queued"],
        ["failed", "running"],
        ["failed", "failed"],
    ]
