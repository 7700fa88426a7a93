"""A score that could not be computed, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Absent:
    """Stands in the place of scores that a recovery does not have.

    Args:
        reason: why, in words, as the report gives it.
    """

    reason: str
