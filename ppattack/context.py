"""What an attack is given beside its observation: device, randomness, progress, workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ppattack import seeding

if TYPE_CHECKING:
    import numpy as np
    import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


class ProgressTask(Protocol):
    """One bar of progress."""

    def update(self, completed: float, **facts: float) -> None:
        """Set how much is done, with figures to show beside it (``loss=0.12``)."""


class Progress(Protocol):
    """Where an attack shows how far it is."""

    def task(self, description: str, total: float) -> AbstractContextManager[ProgressTask]:
        """Open a bar."""

    def log(self, message: str) -> None:
        """Log one message."""


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


class Workers(Protocol):
    """Computes parts somewhere.

    Sums over parts must not depend on how many there are: then no result depends on the workers.
    """

    @property
    def count(self) -> int:
        """Parts that can be computed at a time."""

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterable[Result]:
        """The result of a function for every part, in their order.

        Args:
            function: at the top of a module, or a ``functools.partial`` of one; it runs in other
                processes, which share nothing with this one.
            parts: of arrays and simple values; tensors do not travel.

        Raises:
            RunFailed: if the function fails, or every worker that takes a part dies.
        """


class Alone:
    """Computes one part after another, here."""

    count = 1

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterable[Result]:
        """Compute the parts one after another, each when it is asked for."""
        return map(function, parts)


@dataclass(frozen=True)
class Context:
    """Where and how an attack runs.

    Args:
        device: where its tensors should live.
        seed: the attack's own seed; the victims' keys cannot be derived from it.
        checkpoints: a folder for resuming, kept when the run is interrupted; None keeps nothing.
        progress: where progress is shown.
        deadline: seconds on ``time.monotonic`` by which the attack should return, or None.
        pictures: a folder for pictures of reconstructions on the way; None draws none.
        workers: who computes parts of sums.
    """

    device: torch.device
    seed: int
    checkpoints: Path | None = None
    progress: Progress = field(default_factory=SilentProgress)
    deadline: float | None = None
    pictures: Path | None = None
    workers: Workers = field(default_factory=Alone)

    def numpy_stream(self, *names: str | int) -> np.random.Generator:
        """A named NumPy generator of this attack."""
        return seeding.numpy_stream(self.seed, *names)

    def torch_stream(
        self, *names: str | int, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """A named torch generator of this attack."""
        return seeding.torch_stream(self.seed, *names, device=device)

    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline
