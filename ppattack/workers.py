"""Who computes parts of what an attack adds up: the attack's own process, or several others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


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
                processes, without their own copy of anything of this one.
            parts: of arrays and simple values; tensors do not travel.

        Raises:
            RunFailed: where the function fails, or every worker that takes a part dies.
        """


class Alone:
    """Computes one part after another, here."""

    count = 1

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterable[Result]:
        """See :meth:`Workers.map`."""
        return map(function, parts)
