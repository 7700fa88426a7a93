"""Numbers as text, the same in every page and table."""

from __future__ import annotations

from ppattack.reports.command import plain_text as plain_text
from ppattack.reports.leaks import verdict_words
from ppattack.reports.run import Report
from ppattack.reports.scores import Summary

SYMBOLS = {"BROKEN": "✗", "RESISTED": "✓", "INCONCLUSIVE": "?", "NOTHING APPLIED": "–"}
"""Shown beside the word, so that no verdict depends on its colour alone."""

LEVEL_SYMBOLS = {"shown": "✗", "follows": "✗", "not shown": "✓", "not measured": "?"}
"""Likewise, beside a level."""


def number(value: float | None, sign: str = "") -> str:
    """Three decimals for small numbers, one for large ones; empty for None.

    Args:
        value: the number.
        sign: ``"+"`` shows the sign of positive ones too.
    """
    if value is None:
        return ""
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"


def mean(summary: Summary | None) -> str:
    """The mean; empty if there is no summary."""
    return number(None if summary is None else summary.mean)


def interval(summary: Summary | None, sign: str = "") -> str:
    """The mean with its 95 % interval."""
    if summary is None:
        return ""
    low, high = summary.ci95
    return f"{number(summary.mean, sign)} [{number(low, sign)}, {number(high, sign)}]"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "" if value is None else f"{100 * value:.1f} %"


def verdict(report: Report) -> str:
    """The verdict in words, after its symbol."""
    return f"{SYMBOLS[report.verdict]} {verdict_words(report.verdict, report.leak)}"


def headline(report: Report) -> str:
    """The number that the verdict rests on, in few words."""
    key = report.scores.key
    if key is not None and key.reconstruction.mean == 1.0:
        return "exact key"
    if report.leak == "state" and report.best_state_ssim is not None:
        return f"ssim {number(report.best_state_ssim.mean)} in the best state"
    found = report.scores.main_gain()
    if found is not None:
        metric, gain = found
        return f"{metric} {number(gain.mean, '+')}"
    return f"key {percent(key.reconstruction.mean)}" if key is not None else "not scored"
