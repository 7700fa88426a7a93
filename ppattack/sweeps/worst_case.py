"""Several runs over the same images, merged: for each image, the run that recovered most of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ppattack.evaluation.statistics import summarise, wilson95
from ppattack.metrics import IMAGE_METRICS
from ppattack.reports.found import ImageScores, SavedRun, read_image_scores
from ppattack.reports.run import WorstSample
from ppattack.reports.scores import MatchingScores, MetricScores, Scores

if TYPE_CHECKING:
    from ppattack.evaluation.statistics import Values

RANKED_BY = "ssim.reconstruction"
MATCHED = "matching.reconstruction"
ROLES = ("reconstruction", "ciphertext", "baseline", "gain")
WHOLE = ("key", "matching", "puzzle", "reidentification", "recognisability", "classification")
"""What is not merged image by image: it is taken from the run that has most of it."""


@dataclass(frozen=True)
class WorstCase:
    """The strongest result of every image.

    Args:
        scores: summaries by metric. A ciphertext counts as matched if any run named its image;
            key, puzzle, identity and class are those of the run that recovered most.
        absent: why a metric is null, by its name.
        columns: per-image values by ``<metric>.<role>``, each row from the run that was kept.
        names: of the images; empty if no run scored any.
        kept: for each image the run with the highest SSIM; if no run scored images, one that
            named the image of that ciphertext, or the one that named most.
        strongest: the run that was kept most often; without images, the run that the scores
            are from.
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
    """Merge runs.

    Args:
        runs: at least one; those that scored other images than most do not count for the images.
        seed: of the bootstrap.
    """
    read = [(run, read_image_scores(run.folder)) for run in runs]
    scored, matched = _comparable(read, RANKED_BY), _comparable(read, MATCHED)
    whole = {name: _best(runs, name) for name in WHOLE}
    found: dict[str, Any] = {
        name: getattr(run.report.scores, name) for name, run in whole.items() if run
    }
    names: tuple[str, ...] = ()
    kept: tuple[SavedRun, ...] = ()
    columns: dict[str, Values] = {}
    strongest = whole["matching"] or whole["key"] or runs[0]
    worst = None
    if matched:
        # The run that named most comes first: it is kept if none or several named the image.
        matched.sort(key=lambda each: -sum(each[1].columns[MATCHED]))
        names = matched[0][1].names
        chosen = np.array([scores.columns[MATCHED] for _, scores in matched]).argmax(axis=0)
        kept, strongest = tuple(matched[place][0] for place in chosen), matched[0][0]
        columns = _columns([scores for _, scores in matched], chosen, "matching.")
        found["matching"] = _matching(columns, seed)
    if scored:
        named, names = names, scored[0][1].names
        table = np.array([scores.columns[RANKED_BY] for _, scores in scored])
        chosen = table.argmax(axis=0)
        kept = tuple(scored[place][0] for place in chosen)
        strongest = scored[int(np.bincount(chosen, minlength=len(scored)).argmax())][0]
        matching = columns if named == names else {}
        columns = _columns([scores for _, scores in scored], chosen)
        found |= _summaries(columns, strongest, seed)
        worst = _worst(columns, names)
        columns |= matching
    absent = {name: reason for name, reason in strongest.report.absent.items() if name not in found}
    return WorstCase(Scores(**found), absent, columns, names, kept, strongest, worst)


def _comparable(
    read: Sequence[tuple[SavedRun, ImageScores | None]], column: str
) -> list[tuple[SavedRun, ImageScores]]:
    """The runs with this column, over the images that most of them share."""
    groups: dict[Any, list[tuple[SavedRun, ImageScores]]] = {}
    for run, scores in read:
        if scores is not None and column in scores.columns:
            # The same images under the same key have the same ciphertexts and so these scores.
            seen = scores.columns.get("ssim.ciphertext") if column == RANKED_BY else None
            groups.setdefault((scores.names, seen), []).append((run, scores))
    return max(groups.values(), key=len, default=[])


def _best(runs: Sequence[SavedRun], name: str) -> SavedRun | None:
    """The run that has most of something that is scored as a whole."""
    having = [run for run in runs if getattr(run.report.scores, name) is not None]

    def recovered(run: SavedRun) -> float:
        scores: MetricScores = getattr(run.report.scores, name)
        return scores.reconstruction.mean * (1.0 if scores.better == "higher" else -1.0)

    return max(having, key=recovered, default=None)


def _columns(scored: Sequence[ImageScores], chosen: Any, start: str = "") -> dict[str, Values]:
    """Every column that all of the kept runs have, each row from the run that was kept.

    Args:
        scored: of all runs.
        chosen: for each image the number of the run that is kept.
        start: of the columns' names.
    """
    kept = sorted(set(chosen.tolist()))
    shared = [name for name in scored[0].columns if all(name in scored[k].columns for k in kept)]
    shared = [name for name in shared if name.startswith(start)]
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


def _matching(columns: Mapping[str, Values], seed: int) -> MatchingScores:
    roles = {role: columns[f"matching.{role}"] for role in ("reconstruction", "baseline", "gain")}
    right = roles["reconstruction"]
    return MatchingScores(
        better="higher",
        ciphertext=None,
        baseline_name="chance",
        wilson95=wilson95(int(right.sum()), len(right)),
        **summarise(roles, seed),
    )


def _worst(columns: Mapping[str, Values], names: tuple[str, ...]) -> WorstSample:
    index = int(columns[RANKED_BY].argmax())
    scores = {
        name.split(".")[0]: float(column[index])
        for name, column in columns.items()
        if name.endswith(".reconstruction")
    }
    return WorstSample(index=index, name=names[index], scores=scores)
