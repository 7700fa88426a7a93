"""A set of runs as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import ppattack
from ppattack.render import numbers, page_curves, pictures, visual
from ppattack.render.compare import Change, compare
from ppattack.render.environment import environment
from ppattack.render.matrix import Group, RunTable, arrange
from ppattack.render.plots import Box, BoxPlot, box, box_plot
from ppattack.render.summary_table import REQUIREMENTS, Scheme
from ppattack.reports.audit import AUDIT
from ppattack.reports.command import command
from ppattack.reports.found import ImageScores, MissingRun, SavedRun, read_image_scores
from ppattack.reports.leaks import MEANING, WORDS, LevelLine, level_lines, verdict_words
from ppattack.reports.run import Report, VerdictName
from ppattack.reports.scores import MetricScores, Scores

METRICS = tuple(Scores.model_fields)
PLOTTED = ("ssim", "lpips")
MANY_RUNS = 20
"""Above this, samples are made smaller, so that the page stays small."""
_VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


@dataclass(frozen=True)
class RunView:
    """One run, as the page shows it.

    Args:
        run: the run.
        label: what to call it within its target.
        anchor: id of its place in the page.
        edge: pixels of the longer edge of its samples at most, or None.
    """

    run: SavedRun
    label: str
    anchor: str
    edge: int | None

    @property
    def report(self) -> Report:
        """Its report."""
        return self.run.report

    @property
    def headline(self) -> str:
        """The number that the verdict rests on."""
        return numbers.headline(self.report)

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return numbers.verdict(self.report)

    @property
    def command(self) -> str:
        """What repeats it; empty if the report does not say."""
        request = self.report.provenance.get("request")
        return command(request) if isinstance(request, dict) else ""

    @property
    def metrics(self) -> list[tuple[str, MetricScores]]:
        """The metrics that apply, by name."""
        found = ((name, getattr(self.report.scores, name)) for name in METRICS)
        return [(name, scores) for name, scores in found if scores is not None]

    @cached_property
    def image_scores(self) -> ImageScores | None:
        """The scores of every image."""
        return read_image_scores(self.run.folder)

    @cached_property
    def samples(self) -> list[pictures.Sample]:
        """Images from the least to the best recovered."""
        return pictures.samples(self.run.folder, self.image_scores, self.edge)

    @property
    def overview(self) -> pictures.Picture | None:
        """The samples in one picture, if there are no single ones."""
        return None if self.samples else pictures.overview(self.run.folder)

    @cached_property
    def matches(self) -> list[pictures.Match]:
        """A few ciphertexts with their likeliest candidates."""
        return pictures.matches(self.run.folder, self.edge)

    @property
    def sheet(self) -> pictures.Picture | None:
        """The first reconstructions."""
        return pictures.sheet(self.run.folder)

    def values(self, column: str) -> tuple[float, ...] | None:
        """A column of the scores of every image."""
        return self.image_scores.columns.get(column) if self.image_scores else None


@dataclass(frozen=True)
class TargetView:
    """One target, as the page shows it.

    Args:
        group: its runs.
        anchor: id of its place in the page.
        runs: the runs, the strongest of each attack first.
    """

    group: Group
    anchor: str
    runs: tuple[RunView, ...]

    def of(self, attack: str) -> list[RunView]:
        """The runs of an attack."""
        return [view for view in self.runs if view.report.attack.name == attack]

    @property
    def leaks(self) -> tuple[LevelLine[RunView], ...]:
        """Every level over all runs, the weakest first; empty if no report says any."""
        if not any(view.report.levels for view in self.runs):
            return ()
        # An audit repeats its attacks, which come first.
        runs = sorted(self.runs, key=lambda view: view.report.attack.name == AUDIT)
        return level_lines([(view, view.report.levels) for view in runs])[::-1]

    @property
    def box_plots(self) -> list[BoxPlot]:
        """One plot per metric: a box for each run, and what a bystander has."""
        plots = []
        for metric in PLOTTED:
            scored = [
                (view, scores)
                for view in self.runs
                if (scores := getattr(view.report.scores, metric)) is not None
            ]
            if scored:
                plots.append(box_plot(metric.upper(), scored[0][1], _boxes(metric, scored)))
        return plots

    @property
    def curves(self) -> list[page_curves.RunCurve]:
        """Curves over what changes from run to run."""
        return page_curves.curves(self.group.runs)


def _boxes(metric: str, scored: Sequence[tuple[RunView, MetricScores]]) -> Iterable[Box]:
    for view, scores in scored:
        values = view.values(f"{metric}.reconstruction")
        yield box(view.label, values, scores.reconstruction)
    view, scores = scored[0]
    if scores.baseline is not None:
        values = view.values(f"{metric}.baseline")
        yield box(f"blind baseline: {scores.baseline_name}", values, scores.baseline)
    if scores.ciphertext is not None:
        yield box("the ciphertext itself", view.values(f"{metric}.ciphertext"), scores.ciphertext)


def report_html(
    runs: Sequence[SavedRun],
    base: Sequence[SavedRun] | None = None,
    missing: Sequence[MissingRun] = (),
    schemes: Sequence[Scheme] = (),
) -> str:
    """The page.

    Args:
        runs: with and without an attack.
        base: an earlier set to compare with, or None.
        missing: cells without a run.
        schemes: rows of the table of requirements.

    Raises:
        ReportError: if a file of a run folder is damaged.
    """
    templates = environment()
    templates.filters.update(
        number=numbers.number,
        mean=numbers.mean,
        interval=numbers.interval,
        percent=numbers.percent,
        plain_text=numbers.plain_text,
    )
    attacked, unattacked = visual.split(runs)
    matrix, shown = arrange(attacked), visual.table_rows(unattacked)
    changes: list[Change] | None = None
    if base is not None:
        changes = compare(attacked, visual.split(base)[0])
    return templates.get_template("report.html").render(
        matrix=matrix,
        targets=_targets(matrix),
        changes=changes,
        shown=shown,
        shown_heading=visual.HEADING,
        shown_plots=visual.box_plots(shown),
        missing=missing,
        schemes=schemes,
        requirements=REQUIREMENTS,
        count=len(attacked),
        verdicts=_VERDICTS,
        symbols=numbers.SYMBOLS,
        verdict_words=verdict_words,
        level_words=WORDS,
        level_meaning=MEANING,
        level_symbols=numbers.LEVEL_SYMBOLS,
        canvas=(page_curves.WIDTH, page_curves.HEIGHT),
        version=ppattack.__version__,
    )


def _targets(matrix: RunTable) -> list[TargetView]:
    count = sum(len(group.runs) for group in matrix.groups)
    edge = pictures.EDGE if count > MANY_RUNS else None
    views = []
    for place, group in enumerate(matrix.groups, 1):
        runs = tuple(
            RunView(run, matrix.label(run), f"run-{place}-{number}", edge)
            for number, run in enumerate(group.runs, 1)
        )
        views.append(TargetView(group, f"target-{place}", runs))
    return views
