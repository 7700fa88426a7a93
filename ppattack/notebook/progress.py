"""Progress in a notebook: one line that is redrawn; outside of notebooks nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from ppattack.context import Progress, ProgressTask, SilentProgress
from ppattack.reports.sweep import Sweep
from ppattack.reports.text import visible

SECONDS_BETWEEN = 0.2
"""Redrawing more often only floods the notebook."""


class NotebookProgress:
    """A bar with what is done and the time left, shown through IPython."""

    def __init__(self) -> None:
        self._line = _Line()

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        """Open a bar."""
        yield _Bar(self._line, description, total)
        self._line.show("")

    def log(self, message: str) -> None:
        """Show one message in place of the bar."""
        self._line.show(escape(visible(message)))


class _Bar:
    def __init__(self, line: _Line, description: str, total: float) -> None:
        self._line, self._description, self._total = line, visible(description), total
        self._start, self._last = time.monotonic(), float("-inf")

    def update(self, completed: float, **facts: float) -> None:
        """Move the bar, if it was not moved just now."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN:
            return
        self._last = now
        said = " ".join(f"{name} {value:.4g}" for name, value in facts.items())
        left = ""
        if completed > 0:
            seconds = (now - self._start) * (self._total - completed) / completed
            left = f"{seconds:.0f} s left"
        words = escape(" ".join(visible(part) for part in (self._description, said, left) if part))
        self._line.show(
            f'<progress value="{completed:g}" max="{self._total:g}" aria-label="{words}">'
            f"</progress> {words}"
        )


class _Line:
    """One place in the output of a cell."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str) -> None:
        """Replace what stands there."""
        from IPython.display import HTML, display

        content = HTML(html)
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)


class AttackLines:
    """Which attack of an audit is under way.

    Args:
        progress: where it is shown.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sweep: Sweep | None = None

    def started(self, number: int) -> None:
        """Show the attack that has begun."""
        if self._sweep is not None:
            cells = self._sweep.cells
            ended = sum(cell.outcome is not None for cell in cells)
            self._progress.log(f"{cells[number].attack} ({ended + 1} of {len(cells)})")

    def changed(self, sweep: Sweep) -> None:
        """Remember what there is to run."""
        self._sweep = sweep
        if all(cell.outcome is not None for cell in sweep.cells):
            self._progress.log("")


def make_progress(*, quiet: bool) -> Progress:
    """Progress for whoever calls: a line in a notebook, silence anywhere else."""
    return SilentProgress() if quiet or not in_notebook() else NotebookProgress()


def in_notebook() -> bool:
    """Whether this program is a kernel of a notebook; IPython is not loaded to find out."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
