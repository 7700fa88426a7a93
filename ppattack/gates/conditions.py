"""Conditions on a report, as text: ``ssim.gain > 0.1 or leak > class``.

A small language of its own: names of scores, comparisons with a number or a word, ``and``, ``or``
and brackets. It is parsed, never evaluated as Python.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from ppattack.errors import ConfigError, nearest
from ppattack.reports.leaks import LEAKS
from ppattack.reports.run import Report, VerdictName
from ppattack.reports.scores import MetricScores, Scores, Summary

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>[<>=!]=|[<>()])|(?P<other>\S))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ROLES = ("reconstruction", "ciphertext", "baseline", "gain")
_STATISTICS = ("n", "mean", "median", "q1", "q3", "min", "max", "low", "high")
VERDICTS: tuple[str, ...] = get_args(VerdictName)
DEEPEST = 20
"""The deepest that brackets may be nested."""


@dataclass(frozen=True)
class Comparison:
    """A score beside a number, or the verdict or the strongest leak beside a word.

    Args:
        name: of the score.
        sign: one of ``> >= < <= == !=``.
        value: the number or the word.
    """

    name: str
    sign: str
    value: float | str

    def holds(self, report: Report) -> bool | None:
        """Whether it holds, or None if the report does not say."""
        found = value_of(report, self.name)
        if found is None:
            return None
        if self.name == "leak":
            return _COMPARE[self.sign](*(LEAKS.index(each) for each in (found, self.value)))
        return _COMPARE[self.sign](found, self.value)

    def names(self) -> Iterator[str]:
        """The score it asks for."""
        yield self.name


@dataclass(frozen=True)
class Joined:
    """Several conditions: all of them must hold, or one of them.

    Args:
        every: whether all must hold; one is enough otherwise.
        parts: the conditions.
    """

    every: bool
    parts: tuple[Condition, ...]

    def holds(self, report: Report) -> bool | None:
        """Whether it holds; None if that hangs on something the report does not say."""
        found = [part.holds(report) for part in self.parts]
        deciding = not self.every
        if deciding in found:
            return deciding
        return None if None in found else self.every

    def names(self) -> Iterator[str]:
        """The scores it asks for."""
        for part in self.parts:
            yield from part.names()


@dataclass(frozen=True)
class Negated:
    """The opposite of a condition.

    Args:
        part: the condition.
    """

    part: Condition

    def holds(self, report: Report) -> bool | None:
        """Whether the condition does not hold; None if the report does not say."""
        found = self.part.holds(report)
        return None if found is None else not found

    def names(self) -> Iterator[str]:
        """The scores that the condition asks for."""
        yield from self.part.names()


Condition = Comparison | Joined | Negated


def parse(text: str) -> Condition:
    """The condition of a text.

    Raises:
        ConfigError: if it is not a condition or names an unknown score.
    """
    parser = _Parser(text)
    condition = parser.either(0)
    if parser.kind:
        raise parser.error(f"'{parser.text}' is not expected")
    return condition


class _Parser:
    """Reads a condition from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        self._whole = text
        self._tokens = _TOKEN.finditer(text)
        self.kind, self.text = "", ""
        self._next()

    def error(self, reason: str) -> ConfigError:
        """What is wrong, with the text and an example."""
        return ConfigError(
            f"'{self._whole.strip()}' is not a condition: {reason}. A condition is like "
            "'ssim.gain > 0.1 or key.index == 1'."
        )

    def _next(self) -> str:
        """Step to the next token; returns the one before it."""
        left, match = self.text, next(self._tokens, None)
        self.kind = (match.lastgroup or "") if match else ""
        self.text = match[self.kind] if match else ""
        return left

    def either(self, depth: int) -> Condition:
        return self._joined("or", lambda: self._joined("and", lambda: self._single(depth)))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.kind == "name" and self.text == word:
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word == "and", tuple(parts))

    def _single(self, depth: int) -> Condition:
        if self.text != "(":
            return self._comparison()
        if depth == DEEPEST:
            raise self.error("brackets are nested too deeply")
        self._next()
        inner = self.either(depth + 1)
        if self.text != ")":
            raise self.error("a bracket is not closed")
        self._next()
        return inner

    def _comparison(self) -> Condition:
        if self.kind != "name" or self.text in ("and", "or"):
            raise self.error(f"a score is missing before '{self.text}'" if self.text else "it ends")
        name = self._next()
        if name not in known_names():
            raise self.error(
                f"there is no score '{name}'; the nearest are: {nearest(name, known_names())}"
            )
        if self.text not in _COMPARE:
            raise self.error(f"after '{name}' one of {' '.join(_COMPARE)} is needed")
        sign = self._next()
        if name == "verdict":
            return Comparison(name, self._equality(sign), self._verdict())
        if name == "leak":
            return Comparison(name, sign, self._leak())
        if self.kind != "number" or not math.isfinite(float(self.text)):
            raise self.error(f"after '{name} {sign}' a number is needed")
        return Comparison(name, sign, float(self._next()))

    def _equality(self, sign: str) -> str:
        if sign not in ("==", "!="):
            raise self.error("a verdict is compared with == or !=")
        return sign

    def _verdict(self) -> str:
        words = self._next() if self.kind == "name" else ""
        if self.kind == "name" and f"{words} {self.text}" in VERDICTS:
            words += f" {self._next()}"
        if words not in VERDICTS:
            raise self.error(f"the verdicts are {', '.join(VERDICTS)}")
        return words

    def _leak(self) -> str:
        if self.text not in LEAKS:
            raise self.error(f"what leaks is one of {', '.join(LEAKS)}, the weakest first")
        return self._next()


@cache
def known_names() -> frozenset[str]:
    """Every score that a condition can name; without a statistic it is the mean."""
    names = {"verdict", "leak", "failures"}
    for metric, field in Scores.model_fields.items():
        kind = next(part for part in get_args(field.annotation) if part is not type(None))
        names |= {f"{metric}.{name}" for name in _figures(kind)}
        names |= {f"worst.{metric}"}
        for role in _ROLES:
            names |= {f"{metric}.{role}", *(f"{metric}.{role}.{name}" for name in _STATISTICS)}
    own = "best_state_ssim"
    return frozenset(names | {own, *(f"{own}.{name}" for name in _STATISTICS)})


def _figures(kind: type[MetricScores]) -> list[str]:
    """The plain numbers of a metric, ``index`` of the key for instance."""
    return [name for name, field in kind.model_fields.items() if field.annotation is float]


def value_of(report: Report, name: str) -> float | str | None:
    """What a report says of a score; None if it says nothing.

    Args:
        report: the report.
        name: one of :func:`known_names`.
    """
    if name == "verdict":
        return report.verdict
    if name == "leak":
        return report.leak
    if name == "failures":
        return float(len(report.failures))
    first, *rest = name.split(".")
    if first == "worst":
        return report.worst.scores.get(rest[0]) if report.worst else None
    found: Any = report.best_state_ssim
    if first != "best_state_ssim":
        metric = getattr(report.scores, first)
        found = getattr(metric, rest.pop(0)) if metric is not None else None
    return _statistic(found, *rest) if isinstance(found, Summary) else found


def _statistic(summary: Summary, name: str = "mean") -> float:
    if name in ("low", "high"):
        return summary.ci95[name == "high"]
    return float(getattr(summary, name))
