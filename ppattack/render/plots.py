"""What a figure shows, as numbers: boxes and curves that the page draws as SVG.

They follow the page's colours, light or dark, and stay sharp at any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ppattack.render.numbers import number
from ppattack.reports.scores import MetricScores, Summary

WHISKERS = 1.5
"""Whiskers end at the outermost values within this many box lengths of the box."""


@dataclass(frozen=True)
class Box:
    """One row of a box plot, in data units.

    Args:
        label: what it shows.
        low: end of the lower whisker.
        q1: lower end of the box.
        median: line in the box.
        q3: upper end of the box.
        high: end of the upper whisker.
        outside: values beyond the whiskers.
    """

    label: str
    low: float
    q1: float
    median: float
    q3: float
    high: float
    outside: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """The box for those who cannot see it."""
        ends = f"whiskers {number(self.low)} to {number(self.high)}"
        box = f"box {number(self.q1)} to {number(self.q3)}"
        return f"{self.label}: median {number(self.median)}, {box}, {ends}"


def box(label: str, values: Sequence[float] | None, summary: Summary) -> Box:
    """The box of some values.

    Args:
        label: what they are.
        values: one per image; without them the whiskers end at the extremes.
        summary: of the same values.
    """
    q1, q3 = summary.q1, summary.q3
    if not values:
        return Box(label, summary.min, q1, summary.median, q3, summary.max)
    reach = WHISKERS * (q3 - q1)
    inside = [value for value in values if q1 - reach <= value <= q3 + reach] or [summary.median]
    outside = tuple(sorted({round(v, 3) for v in values if not q1 - reach <= v <= q3 + reach}))
    return Box(label, min(inside), q1, summary.median, q3, max(inside), outside)


@dataclass(frozen=True)
class BoxPlot:
    """Boxes of one metric over a common axis.

    Args:
        metric: its name, with its direction.
        boxes: the rows.
        ticks: the axis, in data units; the first and the last are its ends.
    """

    metric: str
    boxes: tuple[Box, ...]
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Where a value stands, percent of the axis."""
        return _percent(value, self.ticks)


def box_plot(metric: str, scores: MetricScores, boxes: Iterable[Box]) -> BoxPlot:
    """The plot of a metric."""
    rows = tuple(boxes)
    values = [v for row in rows for v in (row.low, row.high, *row.outside)]
    arrow = "higher" if scores.better == "higher" else "lower"
    return BoxPlot(f"{metric}, {arrow} is closer to the plain image", rows, ticks(values))


def ticks(values: Sequence[float]) -> tuple[float, ...]:
    """Round numbers from below the smallest value to above the largest, four to seven steps."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    rough = span / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(step * i, 10) for i in range(first, max(last, first + 1) + 1))


def _percent(value: float, axis: Sequence[float]) -> float:
    return round(100 * (value - axis[0]) / (axis[-1] - axis[0]), 2)
