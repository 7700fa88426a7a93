"""Recovered images against the true ones: metrics, blind baselines, gains.

Images in no order are put where they fit best, which takes the truth. What anything gains by that
is measured: blind baselines are put where *they* fit best, and the same images are put where they
fit best among images that have nothing to do with the ciphertexts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.collapse import CONSTANTS, collapse, spread
from ppattack.evaluation.image_values import best_states, image_values
from ppattack.evaluation.placement import NO_ORDER, other_images, placed
from ppattack.evaluation.reidentification import identity_scores
from ppattack.evaluation.statistics import Values, summarise
from ppattack.machine import both
from ppattack.metrics import IMAGE_METRICS
from ppattack.reports.scores import MetricScores, ShiftedScores, Summary
from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.context import Workers
    from ppattack.metrics.images import ImageScorer
    from ppattack.scenario import Scenario

WHOLE = 0.9
"""SSIM from which on a picture counts as whole."""
OTHERS = "other images"
"""The baseline of images in no order: themselves, put among images of nobody's ciphertexts."""


@dataclass(frozen=True)
class ImageScores:
    """What images are worth.

    Args:
        results: scores, or why there are none, by metric.
        absent: metric name to the reason why it is null.
        columns: per-image values by ``<metric>.<role>``.
        facts: other fields of :class:`~ppattack.evaluation.scores.Evaluation`.
        blind: the blind baselines by name.
    """

    results: Mapping[str, MetricScores | Absent] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Values] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    blind: Mapping[str, Tensor] = field(default_factory=dict)


def image_scores(
    recovery: Recovery,
    scenario: Scenario,
    scorer: ImageScorer,
    seed: int,
    *,
    only_gain: bool = False,
    metrics: Collection[str] = tuple(IMAGE_METRICS),
    workers: Workers | None = None,
) -> ImageScores:
    """Score images by every metric, and by whether they tell whose they are.

    Args:
        recovery: what the attack returned, its images in the victims' order.
        scenario: the truth and the public images.
        scorer: computes the metrics on its device.
        seed: for baselines and bootstrap.
        only_gain: whether identity is left out.
        metrics: those that are wanted.
        workers: compute metrics of parts of the images; None for this process.
    """
    plain, images = scenario.truth.images, recovery.images
    why = _why_not(recovery, scenario)
    absent = dict(scorer.absent(scenario.observation.image_shape))
    if why is not None or plain is None or images is None:
        return ImageScores(absent=absent | dict.fromkeys(_OF_IMAGES, str(why)))
    blind = _blind(scenario, seed)
    if recovery.unordered:
        blind = {name: placed(each, plain) for name, each in blind.items()}
    identified = not only_gain and not recovery.unordered
    values, (named, more_columns) = both(
        lambda: image_values(images, plain, blind, scorer, metrics, workers),
        lambda: identity_scores(images, blind, scenario, scorer, seed) if identified else ({}, {}),
    )
    if recovery.unordered:
        for metric, others in _among_others(images, scenario, scorer, seed, metrics).items():
            values[metric][OTHERS] = others
    results: dict[str, MetricScores | Absent] = {}
    columns: dict[str, Values] = {}
    for metric, by_label in values.items():
        results[metric], more = _metric_scores(metric, by_label, IMAGE_METRICS[metric].better, seed)
        columns |= more
    ssim = values.get("ssim", {})
    facts = _facts(images, plain, ssim)
    if recovery.unordered:
        return ImageScores(
            results, absent | dict.fromkeys(_BY_IMAGE, NO_ORDER), columns, facts, blind
        )
    turned = None
    if recovery.up_to_state and ssim:
        turned = _best_state(images, plain, scenario, workers)
        useless = [images.roll(1, 0)]  # those of other images
        useless += [blind["ciphertext"]] if "ciphertext" in blind else []
        lucky = [_best_state(each, plain, scenario, workers).numpy() for each in useless]
        facts |= _in_best_state(turned, lucky, ssim, seed)
    if not only_gain:
        facts |= _shifted(images, plain, turned, scenario, seed, workers)
        results |= named
        columns |= more_columns
    return ImageScores(results, absent, columns, facts, blind)


def _why_not(recovery: Recovery, scenario: Scenario) -> str | None:
    """Why images cannot be scored; None if they can."""
    if scenario.truth.images is None:
        return "the plain images are not known (no --truth)"
    if recovery.images is None:
        return "the attack recovers no images"
    if recovery.unordered and not len(scenario.sets.adversary):
        return "images in no order are compared with public ones, and there are none (--adversary)"
    return None


_OWN = ("reconstruction",)
_BY_IMAGE = ("reidentification", "recognisability")
_OF_IMAGES = (*IMAGE_METRICS, *_BY_IMAGE)


def _among_others(
    images: Tensor,
    scenario: Scenario,
    scorer: ImageScorer,
    seed: int,
    metrics: Collection[str],
) -> dict[str, Values]:
    """Metric → one value per image that is not the victims', of what fits it best."""
    others = other_images(scenario.sets.adversary, len(images), seed)
    found = image_values(placed(images, others), others, {}, scorer, metrics)
    return {metric: by_label["reconstruction"] for metric, by_label in found.items()}


def _facts(images: Tensor, plain: Tensor, ssim: Mapping[str, Values]) -> dict[str, Any]:
    """What else there is to say of images: the baselines, and whether they depend on anything."""
    constants = {name: ssim[name] for name in CONSTANTS if name in ssim}
    ours = ssim.get("reconstruction")
    return {
        "baselines": {name: float(each.mean()) for name, each in ssim.items() if name not in _OWN},
        "spread": spread(images),
        "collapse": None if ours is None else collapse(images, plain, ours, constants),
    }


def _best_state(
    images: Tensor, plain: Tensor, scenario: Scenario, workers: Workers | None
) -> Tensor:
    """``(N,)``: SSIM in the best global state, one of all images if they share their key."""
    from ppattack.metrics.states import best_state_ssim

    if scenario.observation.threat.key_scope == "dataset":
        return best_state_ssim(images, plain, shared=True)
    return best_states(images, plain, workers)


def _in_best_state(
    turned: Tensor, useless: Sequence[Values], scored: Mapping[str, Values], seed: int
) -> dict[str, Summary]:
    """SSIM under the best of all global states, and what it gains.

    The best of so many states is above chance by luck, so the gain is over ``useless`` images in
    *their* best states, or over the best blind baseline if that is closer.
    """
    best = turned.numpy()
    guesses = [*useless, *(values for name, values in scored.items() if name not in _OWN)]
    closest = max(guesses, key=lambda values: float(values.mean()))
    found = summarise({"best": best, "gain": best - closest}, seed)
    return {"best_state_ssim": found["best"], "best_state_gain": found["gain"]}


def _shifted(
    images: Tensor,
    plain: Tensor,
    turned: Tensor | None,
    scenario: Scenario,
    seed: int,
    workers: Workers | None,
) -> dict[str, Any]:
    """Scores up to a shift in whole blocks, where blocks move and images consist of them."""
    from ppattack.metrics.shifts import best_shifted_ssim

    scheme = scenario.observation.scheme
    block = scheme.structure.block_size
    whole = not any(edge % block for edge in plain.shape[2:]) and min(plain.shape[2:]) > block
    if not scheme.structure.moves_blocks or block == 1 or not whole:
        return {}
    shared = scenario.observation.threat.key_scope == "dataset"
    unmoved = _best_state(images, plain, scenario, workers) if turned is None else turned
    all_whole = bool((unmoved >= WHOLE).all())
    shifted = unmoved
    if not all_whole:
        shifted = best_shifted_ssim(images, plain, block, shared=shared, unshifted=unmoved)
    return {
        "shifted": ShiftedScores(
            ssim=summarise({"shifted": shifted.numpy()}, seed)["shifted"],
            images=int(((shifted >= WHOLE) & (unmoved < WHOLE)).sum()),
        )
    }


def _blind(scenario: Scenario, seed: int) -> dict[str, Tensor]:
    """The blind baselines by name."""
    from ppattack.metrics.baselines import blind_baselines, class_means

    blind = blind_baselines(
        scenario.observation.ciphertexts,
        scenario.observation.image_shape,
        scenario.sets.adversary,
        numpy_stream(seed, "baselines"),
    )
    sets = scenario.sets
    wanted, known = sets.victim_labels, sets.adversary_labels
    if scenario.observation.threat.labels and wanted is not None and known is not None:
        blind["class-mean"] = class_means(sets.adversary, known, wanted)
    return blind


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
