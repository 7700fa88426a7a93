"""Whether reconstructions tell which image they are of, and how recognisable that image is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.gallery import (
    FEWEST,
    Comparison,
    Gallery,
    missing_kinds,
    recognised_by,
)
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
    found = gallery.compared({OURS: images, **blind}, OURS, scorer)
    missing = missing_kinds(scorer)
    named, columns = _reidentification(found, len(gallery), seed, missing)
    seen, more = _recognisability(found, len(gallery), seed)
    columns |= more
    scores: Found = {"reidentification": named, "recognisability": seen}
    return scores, columns if gallery.victims == len(images) else {}


def _reidentification(
    found: Mapping[str, Comparison], candidates: int, seed: int, missing: dict[str, str]
) -> tuple[ReidentificationScores, dict[str, Values]]:
    """Each side is compared in the way that serves it best, so that neither is favoured."""
    best = max(found, key=lambda kind: _quality(found[kind]))
    ours = found[best].first[OURS].numpy()
    guesses = {
        label: found[_best_kind(found, label)].first[label].numpy()
        for label in found[best].first
        if label != OURS
    }
    guesses[CHANCE] = np.full_like(ours, 1.0 / candidates)
    name = max(guesses, key=lambda label: float(guesses[label].mean()))
    roles = {OURS: ours, "baseline": guesses[name], "gain": ours - guesses[name]}
    if CIPHERTEXT in guesses:
        roles[CIPHERTEXT] = guesses[CIPHERTEXT]
    summaries = summarise(roles, seed)
    kinds = {kind: _identification(each, candidates) for kind, each in found.items()}
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


def _quality(compared: Comparison) -> tuple[float, float]:
    ours = compared.ranks(OURS)
    return float(ours.hits(1).mean()), float(ours.reciprocal().mean())


def _best_kind(found: Mapping[str, Comparison], label: str) -> str:
    """The kind of comparison that names most images from some queries; the first of equal ones."""
    return max(found, key=lambda kind: float(found[kind].first[label].mean()))


def _identification(compared: Comparison, candidates: int) -> Identification:
    ours = compared.ranks(OURS)
    rank1 = {label: float(hits.mean()) for label, hits in compared.first.items()}
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
    found: Mapping[str, Comparison], candidates: int, seed: int
) -> tuple[RecognisabilityScores, dict[str, Values]]:
    by = recognised_by(found)
    values = {label: found[by].ranks(label).percentile().numpy() for label in found[by].first}
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
