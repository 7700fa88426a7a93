"""Where an attack shows how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class ProgressTask(Protocol):
    """One bar of progress."""

    def update(self, completed: float, **facts: float) -> None:
        """Set how much is done, with figures to show beside it (``loss=0.12``)."""


class Progress(Protocol):
    """Where an attack shows how far it is."""

    def task(self, description: str, total: float) -> AbstractContextManager[ProgressTask]:
        """Open a bar."""

    def log(self, message: str) -> None:
        """Say one thing."""


class SilentProgress:
    """Shows nothing."""

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        """A bar that nobody sees."""
        del description, total
        yield _SilentTask()

    def log(self, message: str) -> None:
        """Drop the message."""


class _SilentTask:
    def update(self, completed: float, **facts: float) -> None:
        """Show nothing."""
