"""Progress and logs on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ppattack.attack import ProgressTask, SilentProgress
from ppattack.reports.text import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0


def warn(message: str) -> None:
    """Print a line that also ``-q`` does not hide."""
    print(f"ppattack: warning: {message}", file=sys.stderr)  # noqa: T201


def say_what_is_learned() -> None:
    """Have what ``identify`` learns of compressed files be said before it takes its time."""
    from ppattack.identify import jpeg_lessons

    jpeg_lessons.announce = lambda words: print(words, file=sys.stderr)  # noqa: T201


class TerminalProgress:
    """Bars with loss and time left."""

    def __init__(self) -> None:
        from ppattack_cli.tables import SafeConsole

        self._console = SafeConsole(stderr=True, highlight=False)

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        """Open a bar."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[facts]}", markup=False),
            TextColumn("ETA"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task(visible(description), total=total, facts="")
            yield _Bar(progress, bar)

    def log(self, message: str) -> None:
        """Print one line."""
        self._console.print(message, markup=False)


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def update(self, completed: float, **facts: float) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=completed, facts=visible(_facts(facts)))


class PlainProgress:
    """One line every few seconds."""

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        """Open a counter."""
        line = _Lines(description, total)
        yield line
        line.end()

    def log(self, message: str) -> None:
        """Print one line."""
        print(visible(message), file=sys.stderr, flush=True)  # noqa: T201


class _Lines:
    def __init__(self, description: str, total: float) -> None:
        self._description = description
        self._total = total
        self._start = self._last = time.monotonic()
        self._facts: dict[str, float] = {}

    def update(self, completed: float, **facts: float) -> None:
        """Print a line, if the last one was some time ago."""
        self._facts = facts
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES or completed <= 0:
            return
        self._last = now
        left = (now - self._start) * (self._total - completed) / completed
        share = 100 * completed / self._total
        self._print(f"{share:.0f} % {_facts(facts)} ETA {left:.0f} s")

    def end(self) -> None:
        """Print the last line."""
        self._print(f"done in {time.monotonic() - self._start:.1f} s {_facts(self._facts)}")

    def _print(self, text: str) -> None:
        line = visible(" ".join(f"{self._description}: {text}".split()))
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def _facts(facts: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in facts.items())


def make_progress(*, quiet: bool) -> TerminalProgress | PlainProgress | SilentProgress:
    """Progress that suits stderr: bars on a terminal, plain lines elsewhere."""
    if quiet:
        return SilentProgress()
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress()
