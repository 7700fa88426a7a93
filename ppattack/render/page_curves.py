"""Curves that runs of a report make together: one number changes, everything else is the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from ppattack.render.numbers import number
from ppattack.render.plots import ticks
from ppattack.reports.found import SavedRun
from ppattack.reports.run import Report

LOGARITHMIC_FROM = 8.0
"""Ratio of the largest to the smallest value from which the axis is logarithmic."""
WIDTH, HEIGHT = 400, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 390, 8, 186
LETTERS_APART = 30.0
"""Units between the values written along the axis, at least."""


@dataclass(frozen=True)
class Series:
    """One line of a curve.

    Args:
        name: what it shows.
        style: class of the line in the page.
        points: ``(x, y)`` in data units, by x.
    """

    name: str
    style: str
    points: tuple[tuple[float, float], ...]

    @property
    def words(self) -> str:
        """The line for those who cannot see it."""
        pairs = ", ".join(f"{number(y)} at {x:g}" for x, y in self.points)
        return f"{self.name}: {pairs}"


@dataclass(frozen=True)
class RunCurve:
    """A curve over runs.

    Args:
        attack: its name.
        setting: what changes.
        series: the lines.
    """

    attack: str
    setting: str
    series: tuple[Series, ...]

    @property
    def values(self) -> list[float]:
        """Every value of the setting."""
        return sorted({x for line in self.series for x, _ in line.points})

    @property
    def y_ticks(self) -> tuple[float, ...]:
        """The vertical axis."""
        return ticks([0.0, 1.0, *(y for line in self.series for _, y in line.points)])

    def x(self, value: float) -> float:
        """Where a value of the setting stands in the picture."""
        low, high = self.values[0], self.values[-1]
        if low > 0 and high / low >= LOGARITHMIC_FROM:
            share = math.log(value / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        return round(_LEFT + 10 + share * (_RIGHT - _LEFT - 20), 1)

    def y(self, value: float) -> float:
        """Where a score stands in the picture."""
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 1)

    @property
    def x_labels(self) -> list[float]:
        """The values that are written along the axis: those that fit."""
        shown: list[float] = []
        for value in self.values:
            if not shown or self.x(value) - self.x(shown[-1]) >= LETTERS_APART:
                shown.append(value)
        return shown

    def path(self, line: Series) -> str:
        """The points of a line, for SVG."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in line.points)


def curves(runs: Sequence[SavedRun]) -> list[RunCurve]:
    """The curves that runs on one target make.

    Args:
        runs: a group's.
    """
    found = []
    for attack in sorted({run.report.attack.name for run in runs}):
        reports = [run.report for run in runs if run.report.attack.name == attack]
        for setting in sorted({name for report in reports for name in _numbers(report)}):
            found += list(_curves_over(attack, setting, reports))
    return found


def _numbers(report: Report) -> dict[str, float]:
    """Every number that may differ between two runs of an attack on a target."""
    config = report.attack.config.items()
    counted = {
        name: float(value)
        for name, value in config
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {
        **counted,
        "ciphertexts": float(report.data.victims),
        "public images": float(report.data.adversary),
    }


def _curves_over(attack: str, setting: str, reports: list[Report]) -> Iterator[RunCurve]:
    alike: dict[str, list[tuple[float, Report]]] = {}
    for report in reports:
        numbers = _numbers(report)
        others = {name: value for name, value in numbers.items() if name != setting}
        config = {name: value for name, value in report.attack.config.items() if name != setting}
        if setting in numbers:
            key = json.dumps([others, config], sort_keys=True)
            alike.setdefault(key, []).append((numbers[setting], report))
    for members in alike.values():
        if len({value for value, _ in members}) > 1:
            lines = tuple(line for line in _lines(members) if line.points)
            curve = RunCurve(attack, setting, lines)
            if len(curve.values) > 1:  # runs without the truth have no scores
                yield curve


def _lines(members: list[tuple[float, Report]]) -> Iterator[Series]:
    values: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("SSIM", "SSIM, best blind baseline", "key recovered", "matched")
    }
    for value, report in members:
        scores = report.scores
        if scores.ssim is not None:
            values["SSIM"].append((value, scores.ssim.reconstruction.mean))
            if scores.ssim.baseline is not None:
                baseline = scores.ssim.baseline.mean
                values["SSIM, best blind baseline"].append((value, baseline))
        if scores.key is not None:
            values["key recovered"].append((value, scores.key.reconstruction.mean))
        if scores.matching is not None:
            values["matched"].append((value, scores.matching.reconstruction.mean))
    styles = ("ssim", "baseline", "key", "matching")
    for (name, points), style in zip(values.items(), styles, strict=True):
        yield Series(name, style, _averaged(points))


def _averaged(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """One point per value: the mean over seeds."""
    by_value: dict[float, list[float]] = {}
    for x, y in points:
        by_value.setdefault(x, []).append(y)
    return tuple((x, fmean(by_value[x])) for x in sorted(by_value))
