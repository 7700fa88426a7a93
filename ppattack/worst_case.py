"""Several runs over the same images as one: for each image, the run that recovered most of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppattack.metrics import IMAGE_METRICS
from ppattack.report import MetricScores, Scores, WorstSample
from ppattack.saved_runs import ImageScores, SavedRun, read_image_scores
from ppattack.summaries import summarise

if TYPE_CHECKING:
    from ppattack.summaries import Values

RANKED_BY = "ssim.reconstruction"
ROLES = ("reconstruction", "ciphertext", "baseline", "gain")


@dataclass(frozen=True)
class WorstCase:
    """The strongest result of every image.

    Args:
        scores: summaries by metric; key, matching and puzzle are those of the run that has most.
        absent: metric name to why it is null.
        columns: per-image values by ``<metric>.<role>``, each row from the run that was kept.
        names: of the images; empty where no run scored any.
        kept: for each image the run with the highest SSIM.
        strongest: the run that was kept most often; where there are no images the one that the
            scores are from.
        worst: the image that came back best.
    """

    scores: Scores
    absent: Mapping[str, str]
    columns: Mapping[str, Values]
    names: tuple[str, ...]
    kept: tuple[SavedRun, ...]
    strongest: SavedRun
    worst: WorstSample | None


def worst_case(runs: Sequence[SavedRun], seed: int) -> WorstCase:
    """Draw runs together.

    Args:
        runs: at least one; those that scored other images than most are left out of the images.
        seed: of the bootstrap.
    """
    scored = _comparable(runs)
    whole = {name: _best(runs, name) for name in ("key", "matching", "puzzle")}
    found: dict[str, Any] = {
        name: getattr(run.report.scores, name) for name, run in whole.items() if run
    }
    names: tuple[str, ...] = ()
    kept: tuple[SavedRun, ...] = ()
    columns: dict[str, Values] = {}
    strongest = whole["matching"] or whole["key"] or runs[0]
    worst = None
    if scored:
        names = scored[0][1].names
        table = np.array([scores.columns[RANKED_BY] for _, scores in scored])
        chosen = table.argmax(axis=0)
        kept = tuple(scored[place][0] for place in chosen)
        strongest = scored[int(np.bincount(chosen, minlength=len(scored)).argmax())][0]
        columns = _columns([scores for _, scores in scored], chosen)
        found |= _summaries(columns, strongest, seed)
        worst = _worst(columns, names)
    absent = {name: reason for name, reason in strongest.report.absent.items() if name not in found}
    return WorstCase(Scores(**found), absent, columns, names, kept, strongest, worst)


def _comparable(runs: Sequence[SavedRun]) -> list[tuple[SavedRun, ImageScores]]:
    """The runs with an SSIM for each image, over the images that most of them share."""
    scored = [(run, read_image_scores(run.folder)) for run in runs]
    groups: dict[Any, list[tuple[SavedRun, ImageScores]]] = {}
    for run, scores in scored:
        if scores is not None and RANKED_BY in scores.columns:
            # The same images under the same key have the same ciphertexts and so these scores.
            seen = scores.columns.get("ssim.ciphertext")
            groups.setdefault((scores.names, seen), []).append((run, scores))
    return max(groups.values(), key=len, default=[])


def _best(runs: Sequence[SavedRun], name: str) -> SavedRun | None:
    """The run that has most of something that is scored as a whole."""
    having = [run for run in runs if getattr(run.report.scores, name) is not None]
    return max(
        having,
        key=lambda run: getattr(run.report.scores, name).reconstruction.mean,
        default=None,
    )


def _columns(scored: Sequence[ImageScores], chosen: Any) -> dict[str, Values]:
    """Every column that all of the kept runs have, each row from the run that was kept."""
    kept = sorted(set(chosen.tolist()))
    shared = [name for name in scored[0].columns if all(name in scored[k].columns for k in kept)]
    return {
        name: np.array([scored[k].columns[name][image] for image, k in enumerate(chosen)])
        for name in shared
    }


def _summaries(
    columns: Mapping[str, Values], strongest: SavedRun, seed: int
) -> dict[str, MetricScores]:
    found = {}
    for metric, card in IMAGE_METRICS.items():
        roles = {r: columns[f"{metric}.{r}"] for r in ROLES if f"{metric}.{r}" in columns}
        if "reconstruction" not in roles:
            continue
        summaries = summarise(roles, seed)
        theirs: MetricScores | None = getattr(strongest.report.scores, metric)
        found[metric] = MetricScores(
            better=card.better,
            reconstruction=summaries["reconstruction"],
            ciphertext=summaries.get("ciphertext"),
            baseline=summaries.get("baseline"),
            baseline_name=theirs.baseline_name if theirs else None,
            gain=summaries.get("gain"),
        )
    return found


def _worst(columns: Mapping[str, Values], names: tuple[str, ...]) -> WorstSample:
    index = int(columns[RANKED_BY].argmax())
    scores = {
        name.split(".")[0]: float(column[index])
        for name, column in columns.items()
        if name.endswith(".reconstruction")
    }
    return WorstSample(index=index, name=names[index], scores=scores)
