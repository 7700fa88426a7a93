"""Whether it can be told what kind of thing an image shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.gallery import no_features, small
from ppattack.evaluation.placement import NO_ORDER
from ppattack.evaluation.statistics import Values, summarise, wilson95
from ppattack.reports.scores import ClassificationScores
from ppattack.solvers.class_inference.kernel_ridge import KernelRidge

if TYPE_CHECKING:
    from ppattack.attack import Recovery
    from ppattack.metrics.images import ImageScorer
    from ppattack.scenario import Scenario

TRAINED_ON = 1000
"""Public images that the classifier of plain images learns from, at most."""
OURS = "reconstruction"
MAJORITY = "majority"
PIXELS = 16
"""Edge to which images shrink if there are no features."""


def class_scores(
    recovery: Recovery,
    blind: Mapping[str, Tensor],
    scenario: Scenario,
    scorer: ImageScorer,
    seed: int,
    *,
    only_gain: bool = False,
) -> tuple[ClassificationScores | Absent, dict[str, Values]]:
    """The scores, or why they are absent; and 1 for each image whose class was named, else 0.

    Args:
        recovery: classes that the attack names, or images in which a classifier of plain images
            looks for them.
        blind: blind baselines by name; only ``ciphertext`` is looked at.
        scenario: the truth, and the public images that the classifier learns from.
        scorer: device and features.
        seed: of the bootstrap.
        only_gain: whether nothing is wanted but how much the classes that an attack named gain.
    """
    labels, sets = scenario.sets.victim_labels, scenario.sets
    if recovery.classes is None and recovery.unordered:
        return Absent(NO_ORDER), {}
    if recovery.classes is None and (recovery.images is None or only_gain):
        return Absent("the attack recovers neither classes nor images"), {}
    if labels is None:
        return Absent(f"{sets.name} has no class for every image"), {}
    if len(sets.classes) < 2:
        return Absent(f"{sets.name} has only one class"), {}
    plain = scenario.truth.images
    asked = {} if only_gain or plain is None else {"plain": plain}
    if recovery.classes is None and recovery.images is not None:
        if sets.adversary_labels is None or not len(sets.adversary):
            return Absent("no public image has a class, so that no classifier can be trained"), {}
        asked |= {OURS: recovery.images}
        asked |= {name: images for name, images in blind.items() if name == "ciphertext"}
    named = _named(asked, scenario, scorer)
    if recovery.classes is not None:
        named[OURS] = recovery.classes
    right = {who: (each == labels).numpy().astype(float) for who, each in named.items()}
    right[MAJORITY] = (labels == labels.mode().values).numpy().astype(float)
    return _scores(right, len(sets.classes), seed, by_attack=recovery.classes is not None)


def _scores(
    right: Mapping[str, Values], classes: int, seed: int, *, by_attack: bool
) -> tuple[ClassificationScores, dict[str, Values]]:
    guesses = [name for name in (MAJORITY, "ciphertext") if name in right]
    best = max(guesses, key=lambda name: float(right[name].mean()))
    roles = {OURS: right[OURS], "baseline": right[best], "gain": right[OURS] - right[best]}
    if "ciphertext" in right:
        roles["ciphertext"] = right["ciphertext"]
    summaries = summarise(roles, seed)
    majority, ours = float(right[MAJORITY].mean()), float(right[OURS].mean())
    plain = float(right["plain"].mean()) if "plain" in right else None
    told = plain is not None and plain > majority
    scores = ClassificationScores(
        better="higher",
        reconstruction=summaries[OURS],
        ciphertext=summaries.get("ciphertext"),
        baseline=summaries["baseline"],
        baseline_name=best,
        gain=summaries["gain"],
        by="attack" if by_attack else "plain classifier",
        wilson95=wilson95(int(right[OURS].sum()), len(right[OURS])),
        majority=majority,
        plain=plain,
        normalised=(ours - majority) / (plain - majority) if told and plain else None,
        classes=classes,
    )
    return scores, {f"classification.{role}": values for role, values in roles.items()}


def _named(
    asked: Mapping[str, Tensor], scenario: Scenario, scorer: ImageScorer
) -> dict[str, Tensor]:
    """The class of each image by a classifier of plain public images; nothing without these."""
    sets = scenario.sets
    if not asked or sets.adversary_labels is None or not len(sets.adversary):
        return {}
    known, labels = sets.adversary[:TRAINED_ON], sets.adversary_labels[:TRAINED_ON]
    features = _features(known, scorer)
    classifier = KernelRidge.fit(features, labels.to(features.device), len(sets.classes))
    return {
        who: classifier.predict(_features(images, scorer)).cpu() for who, images in asked.items()
    }


def _features(images: Tensor, scorer: ImageScorer) -> Tensor:
    """``(N, D)`` float32: those of the network of LPIPS if it is there, else few pixels."""
    few = small(images)
    lpips = scorer.lpips
    if no_features(scorer) is None and not isinstance(lpips, str):
        return lpips.features(few)
    pixels = few.to(scorer.device).float()
    return torch.nn.functional.adaptive_avg_pool2d(pixels, PIXELS).flatten(1)
