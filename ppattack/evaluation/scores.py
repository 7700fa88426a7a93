"""Score a recovery against the truth: metrics, blind baselines, gains.

The gain is the paired difference, image by image, to the best *blind* baseline: one that any
bystander could submit without attacking (the mean public image, a random public image, the
ciphertext itself, a constant). Its 95 % interval is a percentile bootstrap of the mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.classes import class_scores
from ppattack.evaluation.collapse import CONSTANTS, collapse, spread
from ppattack.evaluation.keys import key_scores, puzzle_scores
from ppattack.evaluation.matching import matching_scores
from ppattack.evaluation.placement import placed
from ppattack.evaluation.reidentification import identity_scores
from ppattack.evaluation.statistics import Values
from ppattack.evaluation.statistics import summarise as summarise
from ppattack.metrics import IMAGE_METRICS
from ppattack.reports.run import WorstSample
from ppattack.reports.scores import MetricScores, Scores, Summary
from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.metrics.images import ImageScorer
    from ppattack.scenario import Scenario
    from ppattack.target.base import Target

IMAGES_AT_ONCE = 256


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
        spread: standard deviation of the reconstructions over images, grey levels.
        collapse: why the reconstructions do not depend on the ciphertexts, or None.
        limits: why a failure says nothing about the scheme; empty if it does.
        refuted: whether a gain says nothing either.
        exact: whether the attack found a map, and every image came back exactly.
    """

    scores: Scores
    absent: Mapping[str, str]
    columns: Mapping[str, Values] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)
    worst: WorstSample | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    best_state_ssim: Summary | None = None
    best_state_gain: Summary | None = None
    spread: float | None = None
    collapse: str | None = None
    limits: str = ""
    refuted: bool = False
    exact: bool = False


def evaluate(
    recovery: Recovery,
    scenario: Scenario,
    target: Target,
    scorer: ImageScorer,
    seed: int,
    *,
    only_gain: bool = False,
    metrics: Collection[str] = tuple(IMAGE_METRICS),
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
    """
    truth = scenario.truth
    blind: dict[str, Tensor] = {}
    absent: dict[str, str] = dict(scorer.absent(scenario.observation.image_shape))
    results: dict[str, MetricScores | Absent] = {}
    columns: dict[str, Values] = {}
    facts: dict[str, Any] = {}
    if truth.images is None:
        absent |= dict.fromkeys(_OF_IMAGES, "the plain images are not known (no --truth)")
    elif recovery.images is None:
        absent |= dict.fromkeys(_OF_IMAGES, "the attack recovers no images")
    else:
        blind = _blind(scenario, seed)
        if recovery.unordered:
            blind = {name: placed(each, truth.images) for name, each in blind.items()}
        values = _image_values(recovery.images, truth.images, blind, scorer, metrics)
        for metric, by_label in values.items():
            better = IMAGE_METRICS[metric].better
            results[metric], more = _metric_scores(metric, by_label, better, seed)
            columns |= more
        ssim = values.get("ssim", {})
        facts = _facts(recovery.images, truth.images, ssim)
        if recovery.up_to_state and ssim:
            useless = [recovery.images.roll(1, 0)]  # those of other images
            useless += [blind["ciphertext"]] if "ciphertext" in blind else []
            state = _in_best_state(recovery.images, truth.images, useless, ssim, scenario, seed)
            facts |= state
        if not only_gain:
            named, more = identity_scores(recovery.images, blind, scenario, scorer, seed)
            results |= named
            columns |= more
    matching, right = matching_scores(recovery, scenario, seed)
    classes, told = class_scores(recovery, blind, scenario, scorer, seed, only_gain=only_gain)
    results |= {
        "key": key_scores(recovery, scenario, target),
        "puzzle": puzzle_scores(recovery, scenario, target, seed),
        "matching": matching,
        "classification": classes,
    }
    columns |= right | told
    found = {name: each for name, each in results.items() if not isinstance(each, Absent)}
    absent |= {name: each.reason for name, each in results.items() if isinstance(each, Absent)}
    return Evaluation(
        scores=Scores(**found),
        absent={name: reason for name, reason in absent.items() if name not in found},
        columns=columns,
        worst=_worst(columns, scenario.names),
        failures={scenario.names[i]: why for i, why in recovery.failures.items()},
        limits=recovery.limits,
        refuted=recovery.refuted,
        exact=_decrypts_exactly(recovery, scenario),
        **facts,
    )


def _decrypts_exactly(recovery: Recovery, scenario: Scenario) -> bool:
    """Whether a map was recovered, and gives every image back to the last bit."""
    seen, plain = scenario.observation, scenario.truth.images
    if recovery.map is None or plain is None:
        return False
    made = recovery.map.invert(seen.ciphertexts.cpu())
    return seen.scheme.representation.restore(made, seen.image_shape).equal(plain.cpu())


_OWN = ("reconstruction",)
_OF_IMAGES = (*IMAGE_METRICS, "reidentification", "recognisability")


def _facts(images: Tensor, plain: Tensor, ssim: Mapping[str, Values]) -> dict[str, Any]:
    """What else there is to say of images: the baselines, and whether they depend on anything."""
    constants = {name: ssim[name] for name in CONSTANTS if name in ssim}
    ours = ssim.get("reconstruction")
    return {
        "baselines": {name: float(each.mean()) for name, each in ssim.items() if name not in _OWN},
        "spread": spread(images),
        "collapse": None if ours is None else collapse(images, plain, ours, constants),
    }


def _in_best_state(
    images: Tensor,
    plain: Tensor,
    useless: Sequence[Tensor],
    scored: Mapping[str, Values],
    scenario: Scenario,
    seed: int,
) -> dict[str, Summary]:
    """SSIM under the best of all global states, and what it gains.

    The best of so many states is above chance by luck, so the gain is over ``useless`` images in
    *their* best states, or over the best blind baseline if that is closer.
    """
    from ppattack.metrics.states import best_state_ssim

    shared = scenario.observation.threat.key_scope == "dataset"
    best, *others = (
        best_state_ssim(each, plain, shared=shared).numpy() for each in (images, *useless)
    )
    guesses = [*others, *(values for name, values in scored.items() if name not in _OWN)]
    closest = max(guesses, key=lambda values: float(values.mean()))
    found = summarise({"best": best, "gain": best - closest}, seed)
    return {"best_state_ssim": found["best"], "best_state_gain": found["gain"]}


def _blind(scenario: Scenario, seed: int) -> dict[str, Tensor]:
    """The blind baselines by name."""
    from ppattack.metrics.baselines import blind_baselines, class_means

    blind = blind_baselines(
        scenario.observation.ciphertexts,
        scenario.observation.image_shape,
        scenario.sets.adversary,
        numpy_stream(seed, "baselines"),
    )
    seen = scenario.observation
    if seen.threat.labels and scenario.sets.adversary_labels is not None:
        blind["class-mean"] = class_means(
            scenario.sets.adversary, scenario.sets.adversary_labels, seen.labels
        )
    return blind


def _image_values(
    images: Tensor,
    plain: Tensor,
    blind: Mapping[str, Tensor],
    scorer: ImageScorer,
    metrics: Collection[str],
) -> dict[str, dict[str, Values]]:
    """Metric → (reconstruction, ciphertext and each baseline) → one value per image."""
    candidates = {"reconstruction": images, **blind}
    parts: dict[str, dict[str, list[Values]]] = {}
    for start in range(0, len(plain), IMAGES_AT_ONCE):
        part = slice(start, start + IMAGES_AT_ONCE)
        chunk = {label: stack[part] for label, stack in candidates.items()}
        for metric, by_label in scorer.score(plain[part], chunk, metrics).items():
            for label, value in by_label.items():
                row = value.cpu().numpy().astype(np.float64)
                parts.setdefault(metric, {}).setdefault(label, []).append(row)
    return {
        metric: {label: np.concatenate(rows) for label, rows in by_label.items()}
        for metric, by_label in parts.items()
    }


def _metric_scores(
    metric: str, by_label: Mapping[str, Values], better: Literal["higher", "lower"], seed: int
) -> tuple[MetricScores, dict[str, Values]]:
    sign = 1.0 if better == "higher" else -1.0
    ours = by_label["reconstruction"]
    blind = {label: value for label, value in by_label.items() if label not in _OWN}
    best = max(blind, key=lambda label: float(sign * blind[label].mean()))
    gain = sign * (ours - blind[best])
    roles = {"reconstruction": ours, "baseline": blind[best], "gain": gain}
    if "ciphertext" in by_label:
        roles["ciphertext"] = by_label["ciphertext"]
    summaries = summarise(roles, seed)
    scores = MetricScores(
        better=better,
        reconstruction=summaries["reconstruction"],
        ciphertext=summaries.get("ciphertext"),
        baseline=summaries["baseline"],
        baseline_name=best,
        gain=summaries["gain"],
    )
    return scores, {f"{metric}.{role}": value for role, value in roles.items()}


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
