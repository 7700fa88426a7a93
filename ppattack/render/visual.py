"""Visual information: how close ciphertexts are to their images if nothing is attacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ppattack.plugins.registry import NO_ATTACK
from ppattack.render.matrix import distinguish, pixels, target_facts
from ppattack.render.numbers import interval, mean
from ppattack.render.plots import Box, BoxPlot, box, box_plot
from ppattack.reports.command import command
from ppattack.reports.found import ImageScores, SavedRun, read_image_scores
from ppattack.reports.run import Report
from ppattack.reports.scores import MetricScores

PLOTTED = ("lpips", "ssim")
HEADING = ("scheme and size", "images", "LPIPS [95 %]", "SSIM [95 %]", "PSNR")


@dataclass(frozen=True)
class Shown:
    """What the ciphertexts of one scheme show, at one size.

    Args:
        label: the scheme, the edges of its images, and what tells it from its namesakes.
        run: the run that attacked nothing.
    """

    label: str
    run: SavedRun

    @property
    def report(self) -> Report:
        """Its report."""
        return self.run.report

    @property
    def command(self) -> str:
        """What repeats it; empty if the report does not say."""
        request = self.report.provenance.get("request")
        return command(request) if isinstance(request, dict) else ""

    @cached_property
    def image_scores(self) -> ImageScores | None:
        """The scores of every image."""
        return read_image_scores(self.run.folder)

    def scores(self, metric: str) -> MetricScores | None:
        """A metric of the ciphertexts, or None if it does not apply."""
        found: MetricScores | None = getattr(self.report.scores, metric)
        return found

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        lpips, ssim, psnr = (self.scores(name) for name in ("lpips", "ssim", "psnr"))
        return (
            self.label,
            str(self.report.data.victims),
            interval(lpips.reconstruction if lpips else None),
            interval(ssim.reconstruction if ssim else None),
            mean(psnr.reconstruction if psnr else None),
        )


def split(runs: Sequence[SavedRun]) -> tuple[list[SavedRun], list[SavedRun]]:
    """Split runs into attacks and runs that attacked nothing."""
    attacked = [run for run in runs if run.report.attack.name != NO_ATTACK]
    return attacked, [run for run in runs if run.report.attack.name == NO_ATTACK]


def table_rows(runs: Sequence[SavedRun]) -> list[Shown]:
    """The rows of runs that attacked nothing, small images first, then by scheme."""
    labels = distinguish([_facts(run.report) for run in runs])
    unique = [
        label if labels.count(label) == 1 else f"{label} {run.report.id}"
        for label, run in zip(labels, runs, strict=True)
    ]
    found = [Shown(label, run) for label, run in zip(unique, runs, strict=True)]
    return sorted(found, key=lambda each: (_area(each.report), each.label))


def box_plots(rows: Sequence[Shown]) -> list[BoxPlot]:
    """LPIPS and SSIM of the ciphertexts, one box per scheme and size."""
    plots = []
    for metric in PLOTTED:
        scored = [found for row in rows if (found := row.scores(metric)) is not None]
        if scored:
            plots.append(box_plot(metric.upper(), scored[0], _boxes(rows, metric)))
    return plots


def _boxes(rows: Sequence[Shown], metric: str) -> Iterator[Box]:
    for row in rows:
        scores = row.scores(metric)
        if scores is not None:
            columns = row.image_scores.columns if row.image_scores else {}
            values = columns.get(f"{metric}.reconstruction")
            yield box(row.label, values, scores.reconstruction)


def _facts(report: Report) -> dict[str, object]:
    facts = {**target_facts(report), "name": f"{report.target.name} {pixels(report)}"}
    return facts | {
        "images": report.data.victims,
        "seed": report.provenance.get("seed"),
        "lpips": report.provenance.get("metrics", {}).get("lpips"),
    }


def _area(report: Report) -> int:
    return report.data.shape[1] * report.data.shape[2]
