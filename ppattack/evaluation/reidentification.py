"""Whether reconstructions tell which image they are of, and how recognisable that image is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.gallery import FEWEST, ByLabel, Gallery, missing_kinds
from ppattack.evaluation.statistics import Values, summarise, wilson95
from ppattack.reports.scores import (
    Identification,
    MetricScores,
    RecognisabilityScores,
    ReidentificationScores,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.metrics.images import ImageScorer
    from ppattack.scenario import Scenario

OURS = "reconstruction"
CIPHERTEXT = "ciphertext"
CHANCE = "chance"
TEN = 10
FIRST_PERCENTILE = 0.01
RECOGNISED_BY = ("efficientnet", "features", "ssim")
"""The kinds of comparison by which an image is recognised, the one that sees best first."""
Found = dict[str, MetricScores | Absent]


def identity_scores(
    images: Tensor, blind: Mapping[str, Tensor], scenario: Scenario, scorer: ImageScorer, seed: int
) -> tuple[Found, dict[str, Values]]:
    """Re-identification and recognisability.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        blind: the blind baselines, likewise, by name; the ciphertexts themselves among them.
        scenario: the truth and the distractors.
        scorer: device and features.
        seed: of the bootstrap.

    Returns:
        both scores by name; and, if every image was looked for, the values of each by
        ``<metric>.<role>``.
    """
    gallery = Gallery.of(scenario)
    if len(gallery) < FEWEST:
        few = Absent("there is no other image to take it for: use a larger -n or --gallery")
        return {"reidentification": few, "recognisability": few}, {}
    found = gallery.ranks({OURS: images, **blind}, scorer)
    missing = missing_kinds(scorer)
    named, columns = _reidentification(found, len(gallery), seed, missing)
    seen, more = _recognisability(found, len(gallery), seed)
    columns |= more
    scores: Found = {"reidentification": named, "recognisability": seen}
    return scores, columns if gallery.victims == len(images) else {}


def _reidentification(
    found: Mapping[str, ByLabel], candidates: int, seed: int, missing: dict[str, str]
) -> tuple[ReidentificationScores, dict[str, Values]]:
    """Each side is compared in the way that serves it best, so that neither is favoured."""
    hits = {
        (kind, label): each.hits(1).numpy()
        for kind, by_label in found.items()
        for label, each in by_label.items()
    }
    best = max(found, key=lambda kind: _quality(found[kind], OURS))
    ours = hits[best, OURS]
    guesses = {label: hits[kind, label] for kind, label in _best_kinds(found)}
    guesses[CHANCE] = np.full_like(ours, 1.0 / candidates)
    name = max(guesses, key=lambda label: float(guesses[label].mean()))
    roles = {OURS: ours, "baseline": guesses[name], "gain": ours - guesses[name]}
    if CIPHERTEXT in guesses:
        roles[CIPHERTEXT] = guesses[CIPHERTEXT]
    summaries = summarise(roles, seed)
    kinds = {kind: _identification(by_label, candidates) for kind, by_label in found.items()}
    scores = ReidentificationScores(
        better="higher",
        reconstruction=summaries[OURS],
        ciphertext=summaries.get(CIPHERTEXT),
        baseline=summaries["baseline"],
        baseline_name=name,
        gain=summaries["gain"],
        rank1=kinds[best].rank1,
        rank10=kinds[best].rank10,
        wilson95=kinds[best].wilson95,
        candidates=candidates,
        chance=1.0 / candidates,
        by=best,
        kinds=kinds,
        absent=missing,
    )
    return scores, {f"reidentification.{role}": values for role, values in roles.items()}


def _best_kinds(found: Mapping[str, ByLabel]) -> list[tuple[str, str]]:
    """For each guess the kind of comparison that serves it best, and its label."""
    best = []
    for label in next(iter(found.values())):
        if label != OURS:
            quality = {kind: _quality(by_label, label) for kind, by_label in found.items()}
            best.append((max(quality, key=lambda kind: quality[kind]), label))
    return best


def _quality(by_label: ByLabel, label: str) -> tuple[float, float]:
    each = by_label[label]
    return float(each.hits(1).mean()), float(each.reciprocal().mean())


def _identification(by_label: ByLabel, candidates: int) -> Identification:
    ours = by_label[OURS]
    rank1 = {label: float(each.hits(1).mean()) for label, each in by_label.items()}
    guesses = {CHANCE: 1.0 / candidates, **rank1}
    del guesses[OURS]
    name = max(guesses, key=lambda label: guesses[label])
    return Identification(
        rank1=rank1[OURS],
        rank10=float(ours.hits(TEN).mean()),
        reciprocal_rank=float(ours.reciprocal().mean()),
        wilson95=wilson95(round(float(ours.hits(1).sum())), len(ours.above)),
        ciphertext=rank1.get(CIPHERTEXT),
        baseline=guesses[name],
        baseline_name=name,
    )


def _recognisability(
    found: Mapping[str, ByLabel], candidates: int, seed: int
) -> tuple[RecognisabilityScores, dict[str, Values]]:
    by = next(kind for kind in RECOGNISED_BY if kind in found)
    values = {label: each.percentile().numpy() for label, each in found[by].items()}
    ours = values.pop(OURS)
    values[CHANCE] = np.full_like(ours, 0.5)
    name = min(values, key=lambda label: float(values[label].mean()))
    roles = {OURS: ours, "baseline": values[name], "gain": values[name] - ours}
    if CIPHERTEXT in values:
        roles[CIPHERTEXT] = values[CIPHERTEXT]
    summaries = summarise(roles, seed)
    below = int((ours < FIRST_PERCENTILE).sum())
    scores = RecognisabilityScores(
        better="lower",
        reconstruction=summaries[OURS],
        ciphertext=summaries.get(CIPHERTEXT),
        baseline=summaries["baseline"],
        baseline_name=name,
        gain=summaries["gain"],
        below_first=below / len(ours),
        wilson95=wilson95(below, len(ours)),
        chance=math.ceil(FIRST_PERCENTILE * (candidates - 1)) / candidates,
        candidates=candidates,
        by=by,
    )
    return scores, {f"recognisability.{role}": values for role, values in roles.items()}
