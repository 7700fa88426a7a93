"""The robustness table as Markdown, and as box plots beside the published ones."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.files import write_bytes
from ppattack.reports.robustness import EXAMPLE
from ppattack.reports.text import visible

if TYPE_CHECKING:
    from ppattack.reports.robustness import RobustnessTable, Row

COLOURS = {"figure": "#bbbbbb", "published": "#4477aa", "corrected": "#ee6677"}


def markdown(table: RobustnessTable) -> str:
    """The tables, for a person or a page."""
    return visible("\n".join([*_boxes(table), "", *_examples(table), "", *_commands(table), ""]))


def _boxes(table: RobustnessTable) -> Iterator[str]:
    yield f"# Robustness of four schemes: {table.data}, {table.victims} images"
    yield ""
    constants = ", ".join(f"`{name}` {value:.3f}" for name, value in table.baselines.items())
    yield f"Mean SSIM of what depends on no ciphertext: {constants}."
    yield ""
    yield "| protocol | attack | target | published median | median | quartiles | mean | gain | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in table.rows:
        figure = f"{row.published['median']:.4f}" if row.published else ""
        words = row.verdict + (", collapsed" if row.collapsed else "")
        yield " | ".join(
            [
                f"| {row.protocol}",
                row.attack,
                f"`{row.target}`",
                figure,
                _number(row.absolute, "median"),
                f"{_number(row.absolute, 'q1')} - {_number(row.absolute, 'q3')}"
                if row.absolute
                else "",
                "" if row.mean is None else f"{row.mean:.3f}",
                "" if row.gain is None else f"{row.gain:+.3f}",
                f"{words} |",
            ]
        )


def _examples(table: RobustnessTable) -> Iterator[str]:
    yield "## One image"
    yield ""
    yield "Ours is the first of the scored images, not the published one."
    yield ""
    yield "| protocol | attack | target | published | ours | its ciphertext |"
    yield "|---|---|---|---|---|---|"
    for row in table.rows:
        if row.example is None:
            continue
        figure = "" if row.published_example is None else f"{row.published_example:.3f}"
        shown, ciphertext = row.example
        yield (
            f"| {row.protocol} | {row.attack} | `{row.target}` | {figure} | {shown:.3f} | "
            f"{ciphertext:.3f} |"
        )
    encrypted = ", ".join(f"`{name}` {value:.3f}" for name, value in EXAMPLE["encrypted"].items())
    yield ""
    yield f"The published image's ciphertexts: {encrypted}."


def _commands(table: RobustnessTable) -> Iterator[str]:
    yield "## Commands"
    yield ""
    yield "```"
    yield from (row.command for row in table.rows)
    yield "```"


def _number(box: Mapping[str, float] | None, name: str) -> str:
    return "" if box is None else f"{box[name]:.4f}"


def draw(path: Path, table: RobustnessTable) -> None:
    """Write box plots of |SSIM|: the published figure, the published protocol, the corrected.

    Args:
        path: the PNG file.
        table: finished.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    targets = list(dict.fromkeys(row.target for row in table.rows))
    figure = Figure(figsize=(4 * len(targets), 6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    for axes, target in zip(panels, targets, strict=True):
        boxes = list(_box_statistics([row for row in table.rows if row.target == target]))
        made = axes.bxp([stats for stats, _ in boxes], showfliers=False, patch_artist=True)
        for patch, (_, kind) in zip(made["boxes"], boxes, strict=True):
            patch.set_facecolor(COLOURS[kind])
        for line in made["medians"]:
            line.set_color("black")
        axes.axhline(table.baselines.get("const128", 0.0), color="black", linestyle=":")
        axes.set_title(target)
        axes.tick_params(axis="x", labelrotation=90)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("|SSIM|; dotted: a constant grey image")
    figure.suptitle(
        f"{table.data}, {table.victims} images. Grey: as published; blue: published protocol, "
        "run again; red: corrected",
        fontsize=10,
    )
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_bytes(path, data.getvalue())


def _box_statistics(rows: list[Row]) -> Iterator[tuple[dict[str, Any], str]]:
    """The statistics of each box, and what it shows."""
    for row in rows:
        if row.published and row.protocol == "published":
            yield _statistics(f"{row.attack}, figure", row.published), "figure"
        if row.absolute:
            yield _statistics(f"{row.attack}, {row.protocol}", row.absolute), row.protocol


def _statistics(label: str, box: Mapping[str, float]) -> dict[str, Any]:
    return {
        "label": label,
        "q1": box["q1"],
        "med": box["median"],
        "q3": box["q3"],
        "whislo": max(0.0, box["q1"] - 1.5 * (box["q3"] - box["q1"])),
        "whishi": box["whisker"],
        "fliers": [],
    }
