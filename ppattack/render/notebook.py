"""Results as pieces of HTML for the output of a notebook's cell: self-contained and small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ReportError
from ppattack.render import numbers, pictures
from ppattack.render.environment import environment
from ppattack.reports.audit import Audit
from ppattack.reports.found import SavedRun, read_image_scores
from ppattack.reports.identification import Identification
from ppattack.reports.leaks import MEANING, WORDS, LeakName, level_lines, verdict_words
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report
from ppattack.reports.scores import MetricScores, Scores

SHOWN = 6
"""Images in the output of a cell."""
EDGE = 64
"""Pixels of their longer edge at most."""


@dataclass(frozen=True)
class Level:
    """One level of the leak bar."""

    name: LeakName
    state: str
    attack: str


@dataclass(frozen=True)
class Table:
    """A table: the heading, and rows whose first cell is a heading too."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def run_html(run: SavedRun, reason: str, probe: ProbeReport | None = None) -> str:
    """One run: verdict with its reason, leak bar, scores, samples; what the probes said."""
    report = run.report
    lines = level_lines([(report.attack.name, report.levels)]) if report.levels else ()
    levels = [Level(line.level, line.state, line.source or "") for line in lines]
    return _rendered(
        title=f"{report.attack.name} on {_target(report)}",
        verdict=report.verdict,
        words=verdict_words(report.verdict, report.leak, report.attack.name),
        reason=reason,
        facts=[
            *([f"probes: {probe.words}"] if probe is not None else []),
            f"the adversary has: {report.threat.words}",
            f"{report.data.victims} images attacked, {report.data.adversary} public",
        ],
        levels=levels[::-1],
        table=_scores(report),
        samples=_samples(run),
    )


def audit_html(audit: Audit, folder: Path) -> str:
    """An audit: verdict, leak bar, one row per attack, samples of the strongest."""
    attacks = [one for part in (audit, audit.per_image) if part for one in part.attacks]
    rows = tuple(
        (
            one.attack,
            one.threat or "",
            verdict_words(one.verdict, one.leak) if one.verdict else one.state,
            "" if one.gain is None else f"{numbers.number(one.gain, '+')} {one.metric}",
        )
        for one in attacks
    )
    worst = folder / "report.json"
    return _rendered(
        title=f"audit of {audit.target}",
        verdict=audit.verdict,
        words=verdict_words(audit.verdict, audit.leak, "any attack that applies"),
        reason=audit.reason,
        facts=[f"probes: {audit.probe.words}"] if audit.probe is not None else [],
        levels=[Level(one.level, one.state, one.attack or "") for one in audit.levels][::-1],
        table=Table(("attack", "what it was granted", "verdict", "gain"), rows),
        samples=_samples_below(folder) if worst.is_file() else [],
    )


def identification_html(found: Identification, arrays: NDArray[np.generic]) -> str:
    """Ciphertexts: what they are, the schemes that fit, the properties, the first ones."""
    rows = tuple((each.name, each.answer, each.words) for each in found.properties)
    fits = [
        f"{'fits' if each.likely else 'not ruled out'}: {each.options}" for each in found.schemes
    ]
    tried = [f"attacks to try: {', '.join(found.attacks)}"] if found.attacks else []
    return _rendered(
        title=f"{found.files} ciphertexts of {'x'.join(map(str, found.shape))}",
        verdict="",
        words="",
        reason=found.words,
        facts=[*fits, *tried],
        levels=[],
        table=Table(("property", "answer", "in words"), rows),
        samples=[] if arrays.dtype != np.uint8 else _ciphertexts(np.asarray(arrays, np.uint8)),
    )


def _target(report: Report) -> str:
    return str(report.target.config.get("function") or report.target.name)


def _scores(report: Report) -> Table:
    heading = ("metric (mean)", "ciphertext", "blind baseline", "reconstruction", "gain [95 %]")
    found: list[tuple[str, MetricScores]] = []
    for name in Scores.model_fields:
        scores = getattr(report.scores, name)
        if scores is not None:
            found.append((name, scores))
    rows = tuple(
        (
            f"{name} {'↑' if scores.better == 'higher' else '↓'}",
            numbers.mean(scores.ciphertext),
            numbers.mean(scores.baseline),
            numbers.mean(scores.reconstruction),
            numbers.interval(scores.gain, "+"),
        )
        for name, scores in found
    )
    return Table(heading, rows)


def _samples(run: SavedRun) -> list[list[tuple[str, str]]]:
    return _samples_below(run.folder)


def _samples_below(folder: Path) -> list[list[tuple[str, str]]]:
    """Columns of pictures, from the least to the best recovered: address and words of each."""
    try:
        found = pictures.samples(folder, read_image_scores(folder), EDGE)
    except ReportError:
        return []
    ranks = np.linspace(0, len(found) - 1, min(SHOWN, len(found))).round().astype(int)
    return [[(each.uri, each.alt) for each in found[rank].pictures] for rank in ranks]


def _ciphertexts(images: NDArray[np.uint8]) -> list[list[tuple[str, str]]]:
    import base64

    from PIL import Image

    columns = []
    for row, image in enumerate(images[:SHOWN]):
        laid = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        picture = Image.fromarray(laid)
        picture.thumbnail((EDGE, EDGE))
        data = io.BytesIO()
        picture.save(data, format="PNG")
        text = base64.b64encode(data.getvalue()).decode("ascii")
        columns.append([(f"data:image/png;base64,{text}", f"ciphertext {row + 1}")])
    return columns


def _rendered(levels: Sequence[Level], **values: Any) -> str:
    return (
        environment()
        .get_template("notebook.html")
        .render(
            levels=levels,
            symbols=numbers.SYMBOLS,
            level_symbols=numbers.LEVEL_SYMBOLS,
            level_words=WORDS,
            level_meaning=MEANING,
            **values,
        )
    )
