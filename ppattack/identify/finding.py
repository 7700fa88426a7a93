"""What is said of one property: yes, no or undecided, and on what grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Answer = Literal["yes", "no", "undecided"]


@dataclass(frozen=True)
class Finding:
    """One property of a folder.

    Args:
        name: of the property.
        answer: whether it holds.
        words: one sentence for people.
        statistic: what was measured, in words.
        value: its value; None if it could not be measured.
        null: what the value would be without the property.
        bar: from where on the answer changes; None if there is no single number.
        p: the chance of such a value under the null; None where the null has no distribution
            and the bar comes from calibration alone.
        what: the detail that goes with a yes, such as a block size.
        facts: further numbers.
        lean: where the answer is undecided, how much likelier yes is than no: from -1 to 1.
    """

    name: str
    answer: Answer
    words: str
    statistic: str
    value: float | None
    null: str
    bar: float | None = None
    p: float | None = None
    what: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    lean: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the answer is yes."""
        return self.answer == "yes"


def answered(holds: bool | None) -> Answer:
    """Yes, no, or undecided for None."""
    return "undecided" if holds is None else "yes" if holds else "no"


Found = Mapping[str, Finding]
"""What has been said of other properties, by name."""
