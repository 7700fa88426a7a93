"""What a probe found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Whether a cipher has a property.

    Args:
        name: of the property.
        holds: whether the cipher has it; None if it could not be measured.
        words: one sentence for a person.
        value: the statistic.
        bar: from which value on it holds; None if there is no number to compare.
        facts: JSON-ready details.
    """

    name: str
    holds: bool | None
    words: str
    value: float | None = None
    bar: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def not_measured(name: str, words: str) -> Finding:
    """The finding of a probe that does not apply."""
    return Finding(name, None, words)
