"""A matrix on the screen: live on a terminal, else one line per cell; then the final table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from ppattack.errors import RunFailed
from ppattack.reports.leaks import verdict_words
from ppattack.reports.sweep import NO_RESULT
from ppattack.reports.text import visible
from ppattack_cli.tables import SafeConsole, console, table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from ppattack.reports.sweep import Cell, Outcome, Sweep
    from ppattack.sweeps.sweep import Watcher

LETTERS = {"BROKEN": "B", "RESISTED": "R", "INCONCLUSIVE": "?", "NOTHING APPLIED": "?"}
COLOURS = {"B": "red", "R": "green", "?": "yellow", "failed": "magenta", "running": "cyan"}
LEGEND = (
    "B broken, R nothing shown, ? inconclusive, with the gain over the best blind baseline; "
    "- not applicable or left out"
)


class Nobody:
    """Shows nothing."""

    def started(self, number: int) -> None:
        """Ignore it."""

    def changed(self, sweep: Sweep) -> None:
        """Ignore it."""


class Lines:
    """One line on stderr for every cell that has ended."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def started(self, number: int) -> None:
        """Say nothing."""

    def changed(self, sweep: Sweep) -> None:
        """Print what has ended since the last time."""
        for number, cell in enumerate(sweep.cells):
            if cell.outcome is not None and number not in self._seen:
                self._seen.add(number)
                print(visible(f"{_name(cell)}: {_words(cell.outcome)}"), file=sys.stderr)  # noqa: T201
        print(counts(sweep), file=sys.stderr, flush=True)  # noqa: T201


class Screen:
    """The table itself, redrawn when a cell changes."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._running: set[int] = set()
        self._sweep: Sweep | None = None

    def started(self, number: int) -> None:
        """Show that it runs."""
        self._running.add(number)
        self._draw()

    def changed(self, sweep: Sweep) -> None:
        """Show what is new."""
        self._sweep = sweep
        self._draw()

    def _draw(self) -> None:
        if self._sweep is not None:
            self._live.update(drawing(self._sweep, self._running), refresh=True)


@contextmanager
def watcher(*, quiet: bool) -> Iterator[Watcher]:
    """The watcher that suits stderr."""
    if quiet:
        yield Nobody()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        from rich.live import Live

        screen = SafeConsole(stderr=True, highlight=False)
        with Live(console=screen, auto_refresh=False, transient=True) as live:
            yield Screen(live)


def counts(sweep: Sweep) -> str:
    """``12 done, 3 broken, 1 failed, 4 queued``."""
    return ", ".join(f"{count} {name}" for name, count in sweep.counts().items())


def drawing(sweep: Sweep, running: set[int] | None = None) -> Group:
    """Targets down, attacks across."""
    from rich.console import Group

    attacks = list(dict.fromkeys(cell.attack for cell in sweep.cells))
    rows: dict[str, dict[str, str]] = {}
    for number, cell in enumerate(sweep.cells):
        rows.setdefault(_row(cell), {})[cell.attack] = _mark(cell, number in (running or ()))
    made = table("target, keys, seed", *(escape(_short(name)) for name in attacks))
    for name, marks in rows.items():
        made.add_row(escape(name), *(marks.get(attack, "") for attack in attacks))
    return Group(made, LEGEND, counts(sweep))


def print_sweep(sweep: Sweep, place: object) -> None:
    """The table, what failed and why, and where the record is."""
    screen = console()
    screen.print(drawing(sweep))
    for cell in sweep.cells:
        if cell.outcome is not None and cell.outcome.state == "failed":
            screen.print(f"failed: {_name(cell)}: {cell.outcome.reason}", markup=False)
    screen.print(f"record: {place}", markup=False, soft_wrap=True)


def fail_if_any_failed(sweep: Sweep, place: object) -> None:
    """Say how many cells failed, after everything has been written and shown.

    Raises:
        RunFailed: if any did.
    """
    failed, cells = sweep.counts()["failed"], len(sweep.cells)
    if failed:
        raise RunFailed(
            f"{failed} of {cells} cells failed; {place} says why, and --retry-failed tries them "
            "again."
        )


def _mark(cell: Cell, is_running: bool) -> str:
    outcome = cell.outcome
    if outcome is None:
        text = "running" if is_running else "queued"
    elif outcome.state in NO_RESULT:
        text = "-"
    elif outcome.state == "failed":
        text = "failed"
    else:
        text = LETTERS[outcome.verdict or "INCONCLUSIVE"]
    colour = COLOURS.get(text, "dim")
    if outcome is not None and outcome.gain is not None:
        text += f" {outcome.gain:+.2f}"
    return f"[{colour}]{text}[/]"


def _words(outcome: Outcome) -> str:
    if outcome.verdict is None:
        return f"{outcome.state}: {outcome.reason}" if outcome.reason else outcome.state
    verdict = verdict_words(outcome.verdict, outcome.leak)
    return f"{verdict}. {outcome.reason}" if outcome.reason else verdict


def _name(cell: Cell) -> str:
    return f"{_short(cell.attack)} on {_row(cell)}"


def _row(cell: Cell) -> str:
    return f"{_short(cell.target)}, {cell.key_scope or 'default'}, {cell.seed}"


def _short(name: str) -> str:
    """A short name; for a plug-in in a file, its class."""
    return name.rpartition(":")[2] if ".py:" in name else name
