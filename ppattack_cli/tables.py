"""Tables on stdout."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ppattack.reports.leaks import verdict_words
from ppattack.reports.scores import SURE
from ppattack.reports.text import visible

if TYPE_CHECKING:
    from ppattack.reports.audit import Audit
    from ppattack.reports.curve import Curve
    from ppattack.reports.run import Report
    from ppattack.reports.scores import MatchingScores, MetricScores, Scores, Summary

PLAIN_WIDTH = 160
"""Columns if stdout is not a terminal: wide enough that nothing is cut."""
VERDICT_COLOURS = {
    "BROKEN": "bold red",
    "RESISTED": "bold green",
    "INCONCLUSIVE": "bold yellow",
    "NOTHING APPLIED": "bold yellow",
}


class SafeConsole(Console):
    """A console that control characters do not reach."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text, with its control characters written out."""
        return super().render_str(visible(text), **options)


def console() -> Console:
    """The console of stdout."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return SafeConsole(width=width, highlight=False)


def table(*columns: str) -> Table:
    """An empty table in the house style."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name)
    return made


SHOWN_MATCHES = 10


def _print_matches(report: Report, folder: Path) -> None:
    """The surest matches of a run on files, and where all of them are."""
    file = folder / "matching.csv"
    files = (report.provenance.get("request") or {}).get("ciphertexts") is not None
    if not files or not file.is_file():
        return
    matches = sorted(_table(file), key=_surest_first)
    other, among = "candidate", "candidates, in the encrypted set"
    if report.threat.linked:
        other, among = "other ciphertext", "other ciphertexts, of an image of these"
    rows = table("ciphertext", other, "p-value", "exact copy")
    for match in matches[:SHOWN_MATCHES]:
        shown = (match[name] for name in ("ciphertext", "candidate", "p_value", "exact"))
        rows.add_row(*map(escape, shown))
    console().print(rows)
    console().print(f"all {len(matches)} matches: {file}", markup=False, soft_wrap=True)
    if (folder / "membership.csv").is_file():
        every = _table(folder / "membership.csv")
        exact = sum(one["exact"] == "yes" for one in every)
        sure = sum(one["exact"] != "yes" and float(one["p_value"]) <= SURE for one in every)
        console().print(
            f"of {len(every)} {among}: {exact} as exact copies, {sure} others with p up to {SURE}: "
            f"{folder / 'membership.csv'}",
            markup=False,
            soft_wrap=True,
        )


def _surest_first(match: dict[str, str]) -> tuple[bool, float]:
    return match["exact"] != "yes", float(match["p_value"] or 1)


def _table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def print_report(report: Report, folder: Path, next_step: str | None = None) -> None:
    """Metric × ciphertext, baseline, reconstruction, gain; then the verdict in words.

    Args:
        report: the result.
        folder: where it lies.
        next_step: what to try next, and the command; None leaves it out.
    """
    screen = console()
    screen.print(
        f"{report.attack.name} on {report.target.name}: {report.threat.words}", markup=False
    )
    count = report.data.victims
    screen.print(
        f"{count} image{'s' * (count != 1)} of {report.data.name}, shape {report.data.shape}; "
        f"{report.data.adversary} public images, {_use(report)}",
        markup=False,
    )
    _print_metrics(screen, report)
    for line in _findings(report):
        screen.print(line, markup=False)
    for control in (report.controls.positive, report.controls.negative):
        if control is not None:
            result = "as it must" if control.passed else "NOT as it must"
            screen.print(f"control on {control.target}: {control.words}, {result}", markup=False)
    print_verdict(screen, report, report.attack.name)
    screen.print(f"report: {folder / 'report.json'}", markup=False, soft_wrap=True)
    _print_matches(report, folder)
    if next_step is not None:
        screen.print(f"next: {next_step}", markup=False, soft_wrap=True)
    picture = folder / "samples.png"
    if picture.is_file():
        screen.print(f"picture: {picture}", markup=False, soft_wrap=True)


def _print_metrics(screen: Console, report: Report) -> None:
    """Metric × ciphertext, baseline, reconstruction, gain."""
    rows = table("metric (mean)", "ciphertext", "blind baseline", "reconstruction", "gain [95 %]")
    for name in type(report.scores).model_fields:
        scores: MetricScores | None = getattr(report.scores, name)
        if scores is not None:
            arrow = "↑" if scores.better == "higher" else "↓"
            rows.add_row(
                f"{name} {arrow}",
                _mean(scores.ciphertext),
                _baseline(scores),
                _mean(scores.reconstruction),
                _gain(scores.gain),
            )
    if rows.row_count:
        screen.print(rows)


def _findings(report: Report) -> list[str]:
    """What the scores say beside the metrics, a line each."""
    lines = []
    if report.best_state_ssim is not None:
        best = _number(report.best_state_ssim.mean)
        lines.append(f"ssim under the best global state, found with the truth: {best}")
    if report.shifted is not None and report.shifted.images:
        shifted = report.shifted
        lines.append(
            f"{shifted.images} of {shifted.ssim.n} images are whole but shifted in a circle; ssim "
            f"up to a shift, found with the truth: {_number(shifted.ssim.mean)}"
        )
    scores = report.scores
    if scores.key is not None:
        key = scores.key
        lines.append(
            f"key: {key.index:.1%} of positions and {key.mask:.1%} of masks right; "
            f"high nibbles {key.high_index:.1%} and {key.high_mask:.1%}"
        )
    if scores.puzzle is not None:
        puzzle = scores.puzzle
        lines.append(
            f"puzzle: {puzzle.direct:.1%} of blocks in place up to the image's state (as it is "
            f"{puzzle.raw_direct:.1%}), {puzzle.neighbour:.1%} of seams right, largest part "
            f"{puzzle.largest:.1%}; by place alone {puzzle.position_direct:.1%}, "
            f"{puzzle.position_neighbour:.1%}, {puzzle.position_largest:.1%}"
        )
    lines += _identity_and_class(scores)
    if scores.matching is not None and scores.matching.wilson95 is not None:
        lines.append(_named(scores.matching, scores.matching.wilson95))
    if scores.matching is not None and scores.matching.recall_at_fmr:
        lines.append(_recall(scores.matching))
    if "lpips" in report.absent:
        lines.append(f"lpips: {report.absent['lpips']}")
    return lines


def print_verdict(screen: Console, judged: Report | Audit, attack: str) -> None:
    """The verdict and what leaks, and why.

    Args:
        screen: where to.
        judged: a report, or an audit.
        attack: that showed nothing if nothing was shown.
    """
    words = verdict_words(judged.verdict, judged.leak, attack)
    screen.print(f"[{VERDICT_COLOURS[judged.verdict]}]{escape(words)}.[/]", end=" ")
    screen.print(judged.reason[:1].upper() + judged.reason[1:], markup=False)


def _identity_and_class(scores: Scores) -> Iterator[str]:
    """What can be told of the images, whether or not they came back."""
    named, seen, told = scores.reidentification, scores.recognisability, scores.classification
    if named is not None:
        line = (
            f"identity: {named.rank1:.1%} named among {named.candidates} images by {named.by}, "
            f"{named.rank10:.1%} among the ten nearest; chance {named.chance:.2%}"
        )
        shown = named.ciphertext
        yield line if shown is None else f"{line}; the ciphertext itself {shown.mean:.1%}"
    if seen is not None:
        yield (
            f"recognisable: {seen.below_first:.1%} nearer to the true image than to 99 % of "
            f"others, by {seen.by}; chance {seen.chance:.1%}"
        )
    if told is not None:
        line = f"class: {told.reconstruction.mean:.1%} named by the {told.by}"
        line += f", majority {told.majority:.1%}"
        if told.plain is not None:
            line += f"; a classifier of plain images names {told.plain:.1%} of these"
        yield line


def print_curve(curve: Curve, folder: Path) -> None:
    """One row per value of the setting."""
    screen = console()
    screen.print(f"{curve.attack} on {curve.target}, {curve.data}", markup=False)
    rows = table(
        escape(curve.setting),
        "SSIM [95 %]",
        "in the best state",
        "blind baseline",
        "key recovered",
        "verdict",
        "s",
    )
    for point in curve.points:
        ssim = ""
        if point.ssim is not None:
            ssim = f"{point.ssim:.3f} \\[{point.ssim_low:.3f}, {point.ssim_high:.3f}]"
        rows.add_row(
            escape(point.value),
            ssim,
            "" if point.best_state is None else f"{point.best_state:.3f}",
            "" if point.baseline is None else f"{point.baseline:.3f}",
            "" if point.key is None else f"{point.key:.4f}",
            point.verdict,
            f"{point.seconds:.2f}",
        )
    screen.print(rows)
    screen.print(f"curve: {folder / 'curve.json'}", markup=False, soft_wrap=True)


def _named(scores: MatchingScores, interval: tuple[float, float]) -> str:
    """How often the right candidate comes first, or near the first."""
    low, high = interval
    text = f"named: {scores.reconstruction.mean:.1%} [{low:.1%}, {high:.1%}]"
    if scores.over_chance is not None:
        text += f", {scores.over_chance:.0f} times chance"
    if "10" in scores.top:
        text += f"; among the ten likeliest {scores.top['10']:.1%}"
    if scores.reciprocal_rank is not None:
        text += f"; mean reciprocal rank {scores.reciprocal_rank:.3f}"
    return text


def _recall(scores: MatchingScores) -> str:
    """What is named with so small a p-value, and how often that is wrong if the image is absent."""
    named = ", ".join(f"{share:.1%} at {rate}" for rate, share in scores.recall_at_fmr.items())
    text = f"named, as an exact copy or with a p-value up to a false-match rate: {named}"
    if not scores.absent:
        return text
    wrong = ", ".join(f"{share:.2%} at {rate}" for rate, share in scores.false_matches.items())
    return f"{text}; of {scores.absent} whose image is not there, falsely: {wrong}"


def _use(report: Report) -> str:
    return "for baselines only" if report.threat.public == "none" else "held by the adversary too"


def _mean(summary: Summary | None) -> str:
    return "" if summary is None else _number(summary.mean)


def _baseline(scores: MetricScores) -> str:
    if scores.baseline is None:
        return ""
    return f"{_number(scores.baseline.mean)} ({escape(str(scores.baseline_name))})"


def _gain(summary: Summary | None) -> str:
    if summary is None:
        return ""
    low, high = summary.ci95
    return f"{_number(summary.mean, '+')} \\[{_number(low, '+')}, {_number(high, '+')}]"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"
