"""Progress that keeps what it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ppattack.attack import ProgressTask


@dataclass
class Recorder:
    """Progress that keeps what it is shown, and can interrupt."""

    interrupt_at: float = math.inf
    updates: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    opened: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        self.opened.append((description, total))
        yield self

    def update(self, completed: float, **facts: float) -> None:
        self.updates.append((completed, facts))
        if completed >= self.interrupt_at:
            raise KeyboardInterrupt

    def log(self, message: str) -> None:
        self.messages.append(message)
