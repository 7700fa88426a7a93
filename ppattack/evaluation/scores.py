"""Score a recovery against the truth: metrics, blind baselines, gains.

The gain is the paired difference, image by image, to the best *blind* baseline: one that any
bystander could submit without attacking (the mean public image, a random public image, the
ciphertext itself, a constant). Its 95 % interval is a percentile bootstrap of the mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.by_sight import seen
from ppattack.evaluation.classes import class_scores
from ppattack.evaluation.image_scores import image_scores
from ppattack.evaluation.keys import key_scores, puzzle_scores
from ppattack.evaluation.matching import matching_scores
from ppattack.evaluation.statistics import Values
from ppattack.evaluation.statistics import summarise as summarise
from ppattack.metrics import IMAGE_METRICS
from ppattack.reports.run import WorstSample
from ppattack.reports.scores import Scores, ShiftedScores, Summary

if TYPE_CHECKING:
    from ppattack.attack import Recovery
    from ppattack.context import Workers
    from ppattack.metrics.images import ImageScorer
    from ppattack.scenario import Scenario
    from ppattack.target.base import Target


@dataclass(frozen=True)
class Evaluation:
    """A scored recovery.

    Args:
        scores: summaries by metric.
        absent: metric name to the reason why it is null.
        columns: per-image values by ``<metric>.<role>``, for ``scores.csv``.
        baselines: mean SSIM of each blind baseline.
        worst: the image that came back best.
        failures: image name to what failed there.
        best_state_ssim: SSIM under the best global state, for attacks that leave it open.
        best_state_gain: what it gains over the best blind baseline, or over the reconstructions
            of other images in their best state if those are closer.
        shifted: SSIM up to a shift in a circle, for schemes that move blocks.
        spread: standard deviation of the reconstructions over images, grey levels.
        collapse: why the reconstructions do not depend on the ciphertexts, or None.
        limits: why a failure says nothing about the scheme; empty if it does.
        refuted: whether a gain says nothing either.
        exact: whether the attack found a map, and every image came back exactly.
        by_sight: what the reconstructions of somebody else's ciphertexts show without the truth.
    """

    scores: Scores
    absent: Mapping[str, str]
    columns: Mapping[str, Values] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    worst: WorstSample | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    best_state_ssim: Summary | None = None
    best_state_gain: Summary | None = None
    shifted: ShiftedScores | None = None
    spread: float | None = None
    collapse: str | None = None
    limits: str = ""
    refuted: bool = False
    exact: bool = False
    by_sight: str = ""


def evaluate(
    recovery: Recovery,
    scenario: Scenario,
    target: Target,
    scorer: ImageScorer,
    seed: int,
    *,
    only_gain: bool = False,
    metrics: Collection[str] = tuple(IMAGE_METRICS),
    workers: Workers | None = None,
) -> Evaluation:
    """Score everything that the recovery holds and the truth can answer.

    Args:
        recovery: what the attack returned, its images in the victims' order.
        scenario: the truth and the public images.
        target: the scheme, for comparing keys.
        scorer: computes the image metrics on its device.
        seed: the run's seed, for baselines and bootstrap.
        only_gain: whether identity and class are left out unless the attack is for them.
        metrics: those of images that are wanted.
        workers: compute metrics of parts of the images; None for this process.
    """
    found = image_scores(
        recovery, scenario, scorer, seed, only_gain=only_gain, metrics=metrics, workers=workers
    )
    matching, right = matching_scores(recovery, scenario, seed)
    classes, told = class_scores(recovery, found.blind, scenario, scorer, seed, only_gain=only_gain)
    results = {
        **found.results,
        "key": key_scores(recovery, scenario, target),
        "puzzle": puzzle_scores(recovery, scenario, target, seed),
        "matching": matching,
        "classification": classes,
    }
    columns = {**found.columns, **right, **told}
    scored = {name: each for name, each in results.items() if not isinstance(each, Absent)}
    absent = dict(found.absent)
    absent |= {name: each.reason for name, each in results.items() if isinstance(each, Absent)}
    return Evaluation(
        scores=Scores(**scored),
        absent={name: reason for name, reason in absent.items() if name not in scored},
        columns=columns,
        worst=_worst(columns, scenario.names),
        failures={scenario.names[i]: why for i, why in recovery.failures.items()},
        limits=recovery.limits,
        refuted=recovery.refuted,
        exact=_decrypts_exactly(recovery, scenario),
        by_sight=_by_sight(recovery, scenario),
        **found.facts,
    )


def _decrypts_exactly(recovery: Recovery, scenario: Scenario) -> bool:
    """Whether a map was recovered, and gives every image back to the last bit."""
    seen, plain = scenario.observation, scenario.truth.images
    if recovery.map is None or plain is None:
        return False
    made = recovery.map.invert(seen.ciphertexts.cpu())
    return seen.scheme.representation.restore(made, seen.image_shape).equal(plain.cpu())


def _by_sight(recovery: Recovery, scenario: Scenario) -> str:
    """What is seen without the truth; nothing if it is known for sure, as of what is made here."""
    if scenario.truth.key is not None or recovery.images is None or recovery.unordered:
        return ""
    return seen(recovery.images, scenario.observation.ciphertexts, scenario.truth.images)


def _worst(columns: Mapping[str, Values], names: tuple[str, ...]) -> WorstSample | None:
    values = columns.get("ssim.reconstruction")
    if values is None:
        return None
    index = int(values.argmax())
    scores = {
        name.split(".")[0]: float(column[index])
        for name, column in columns.items()
        if name.endswith(".reconstruction")
    }
    return WorstSample(index=index, name=names[index], scores=scores)
