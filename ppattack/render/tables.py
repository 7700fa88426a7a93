"""A set of runs as Markdown, CSV and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ppattack.render import visual
from ppattack.render.compare import Change, compare
from ppattack.render.matrix import RunTable, arrange
from ppattack.render.numbers import SYMBOLS, headline, interval, mean, number, percent, verdict
from ppattack.render.summary_table import REQUIREMENTS, Scheme
from ppattack.reports.command import command
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LeakName, verdict_words
from ppattack.reports.run import Report
from ppattack.reports.text import csv_text, visible

CSV_COLUMNS = (
    "target", "attack", "seed", "data", "images", "public_images", "threat", "verdict", "leak",
    "metric", "gain", "gain_low", "gain_high", "ssim", "baseline_ssim", "psnr", "lpips", "key",
    "matching", "reidentification", "candidates", "recognisability", "classification", "majority",
    "seconds", "id", "folder", "command",
)  # fmt: skip


def report_markdown(
    runs: Sequence[SavedRun],
    base: Sequence[SavedRun] | None = None,
    schemes: Sequence[Scheme] = (),
) -> str:
    """The matrix, the requirements, every run, and what changed, as GitHub's Markdown.

    Args:
        runs: with and without an attack.
        base: an earlier set to compare with, or None.
        schemes: rows of the table of requirements.
    """
    attacked, unattacked = visual.split(runs)
    matrix = arrange(attacked)
    lines = ["# How much of the images came back", ""]
    if attacked:
        lines += [*_counts(matrix), "", *_matrix(matrix), ""]
    if schemes:
        lines += ["## Requirements", "", *markdown_table(*_requirements(schemes)), ""]
    if base is not None:
        lines += ["## What changed", "", *_changes(compare(attacked, visual.split(base)[0])), ""]
    if unattacked:
        rows = [row.cells for row in visual.table_rows(unattacked)]
        lines += ["## Visual information", "", VISUAL, ""]
        lines += [*markdown_table(visual.HEADING, rows), ""]
    for group in matrix.groups:
        lines += [f"## {_cell(group.label)}", ""]
        heading = ("attack", "verdict", "SSIM", "baseline", "gain [95 %]", "LPIPS", "key", "s")
        rows = [
            (matrix.label(run), verdict(run.report), *_scores(run.report)) for run in group.runs
        ]
        lines += [*markdown_table(heading, rows), ""]
    return "\n".join(lines)


def _counts(matrix: RunTable) -> list[str]:
    counts = (
        f"{matrix.count(name)} {symbol} {verdict_words(name, None)}"
        for name, symbol in SYMBOLS.items()
    )
    return [", ".join(counts) + "."]


def _matrix(matrix: RunTable) -> list[str]:
    rows = []
    for group in matrix.groups:
        cells = [group.of(attack) for attack in matrix.attacks]
        shown = [
            f"{verdict(runs[0].report)}, {headline(runs[0].report)}" if runs else ""
            for runs in cells
        ]
        rows.append((group.label, *shown))
    return markdown_table(("target", *matrix.attacks), rows)


def _requirements(schemes: Sequence[Scheme]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and rows; a cell ends with the command that would measure what it lacks."""
    rows = [
        (scheme.label, *(": ".join(filter(None, (c.words, c.command))) for c in scheme.cells))
        for scheme in schemes
    ]
    return ("scheme", *REQUIREMENTS), rows


VISUAL = "The ciphertexts themselves against the plain images. No attack was run."
CHANGES = ("target", "attack", "before", "now", "gain before", "gain now")


def _changes(changes: Sequence[Change]) -> list[str]:
    rows = _changed(changes, lambda name, leak: f"{SYMBOLS[name]} {verdict_words(name, leak)}")
    return markdown_table(CHANGES, rows) if rows else [_nothing(changes)]


def _changed(
    changes: Sequence[Change], words: Callable[[str, LeakName | None], str]
) -> list[tuple[str, ...]]:
    """One row for whatever is not the same."""
    return [
        (
            change.target,
            change.attack,
            words(change.before, change.leak_before) if change.before else "not run",
            words(change.after, change.leak_after) if change.after else "not run",
            number(change.gain_before, "+"),
            number(change.gain_after, "+"),
        )
        for change in changes
        if change.kind != "same"
    ]


def _nothing(changes: Sequence[Change]) -> str:
    return f"Nothing, in {len(changes)} experiments."


def _scores(report: Report) -> tuple[str, ...]:
    ssim, lpips, key = report.scores.ssim, report.scores.lpips, report.scores.key
    return (
        mean(ssim.reconstruction if ssim else None),
        mean(ssim.baseline if ssim else None),
        interval(ssim.gain if ssim else None, "+"),
        mean(lpips.reconstruction if lpips else None),
        percent(key.reconstruction.mean if key else None),
        f"{report.timing['attack']:.1f}" if "attack" in report.timing else "",
    )


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, all of its text escaped."""
    lines = [heading, ["---"] * len(heading), *rows]
    return [f"| {' | '.join(_cell(text) for text in line)} |" for line in lines]


def _cell(text: str) -> str:
    """Text escaped for Markdown."""
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(visible(text).split()))


def report_csv(runs: Sequence[SavedRun], base: Sequence[SavedRun] | None = None) -> str:
    """One row per run.

    Args:
        runs: at least one.
        base: an earlier set; its verdicts and gains fill two more columns.
    """
    matrix = arrange(runs)
    earlier = () if base is None else ("verdict_before", "gain_before")
    rows: list[tuple[object, ...]] = [(*CSV_COLUMNS, *earlier)]
    before = {} if base is None else {(c.target, c.attack): c for c in compare(runs, base)}
    for group in matrix.groups:
        for run in group.runs:
            row = _csv_row(group.label, run)
            if base is not None:
                change = before[(group.label, matrix.label(run))]
                row += (change.before, change.gain_before)
            rows.append(row)
    return csv_text(rows)


def _csv_row(target: str, run: SavedRun) -> tuple[object, ...]:
    report, scores = run.report, run.report.scores
    found = scores.main_gain()
    metric, gain = found or (None, None)
    singles = [
        None if part is None else part.reconstruction.mean
        for part in (scores.psnr, scores.lpips, scores.key, scores.matching)
    ]
    named, seen, told = scores.reidentification, scores.recognisability, scores.classification
    singles += [
        named.rank1 if named else None,
        named.candidates if named else None,
        seen.reconstruction.mean if seen else None,
        told.reconstruction.mean if told else None,
        told.majority if told else None,
    ]
    request = report.provenance.get("request")
    return (
        target,
        report.attack.name,
        report.provenance.get("seed"),
        report.data.name,
        report.data.victims,
        report.data.adversary,
        report.threat.words,
        report.verdict,
        report.leak,
        metric,
        *((gain.mean, *gain.ci95) if gain else (None, None, None)),
        scores.ssim.reconstruction.mean if scores.ssim else None,
        scores.ssim.baseline.mean if scores.ssim and scores.ssim.baseline else None,
        *singles,
        report.timing.get("attack"),
        report.id,
        run.folder,
        command(request) if isinstance(request, dict) else None,
    )


def report_latex(
    runs: Sequence[SavedRun],
    base: Sequence[SavedRun] | None = None,
    schemes: Sequence[Scheme] = (),
) -> str:
    """Booktabs tables: one row per run, grouped by target; the requirements; and what changed.

    Args:
        runs: with and without an attack.
        base: an earlier set to compare with, or None.
        schemes: rows of the table of requirements.
    """
    attacked, unattacked = visual.split(runs)
    matrix = arrange(attacked)
    body = []
    for group in matrix.groups:
        body.append("\\midrule")
        for place, run in enumerate(group.runs):
            label = group.label if place == 0 else ""
            found = verdict_words(run.report.verdict, run.report.leak).lower()
            body.append(_latex_row((label, matrix.label(run), *_scores(run.report)[:3], found)))
    heading = ("Target", "Attack", "SSIM", "Baseline", "Gain [95\\,\\%]", "Verdict")
    lines = ["% needs \\usepackage{booktabs}"]
    if attacked:
        lines += _latex_table("llrrrl", heading, body)
    if schemes:
        lines += ["", "% requirements", *_latex_requirements(schemes)]
    if unattacked:
        cells = [_latex_row(row.cells) for row in visual.table_rows(unattacked)]
        names = [_latex(name) for name in visual.HEADING]
        lines += ["", "% visual information: the ciphertexts themselves, no attack"]
        lines += _latex_table("lrrrr", names, ["\\midrule", *cells])
    if base is not None:
        changes = compare(attacked, visual.split(base)[0])
        rows = [_latex_row(row) for row in _changed(changes, _lower)]
        heading = ("Target", "Attack", "Before", "Now", "Gain before", "Gain now")
        lines += ["", "% what changed"]
        lines += (
            _latex_table("llllrr", heading, ["\\midrule", *rows]) if rows else [_nothing(changes)]
        )
    return "\n".join([*lines, ""])


def _lower(verdict: str, leak: LeakName | None) -> str:
    return verdict_words(verdict, leak).lower()


def _latex_requirements(schemes: Sequence[Scheme]) -> list[str]:
    """The table, and as comments the commands that would measure what it lacks."""
    rows = [_latex_row((each.label, *(cell.words for cell in each.cells))) for each in schemes]
    columns = "l" + "p{.15\\linewidth}" * len(REQUIREMENTS)
    commands = {cell.command for scheme in schemes for cell in scheme.cells if cell.command}
    return [
        *_latex_table(
            columns, ("Scheme", *map(str.capitalize, REQUIREMENTS)), ["\\midrule", *rows]
        ),
        *(f"% not measured yet: {' '.join(visible(each).split())}" for each in sorted(commands)),
    ]


def _latex_table(columns: str, heading: Sequence[str], body: Sequence[str]) -> list[str]:
    return [
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(heading) + " \\\\",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
    ]


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex(cell) for cell in cells) + " \\\\"


_LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_",
    "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "<": "\\textless{}", ">": "\\textgreater{}",
}  # fmt: skip


def _latex(text: str) -> str:
    """Text escaped for LaTeX; signed numbers are set as mathematics."""
    escaped = "".join(_LATEX.get(letter, letter) for letter in " ".join(visible(text).split()))
    return re.sub(r"(?<![\w.])([+-]\d[\d.]*)", r"$\1$", escaped)
