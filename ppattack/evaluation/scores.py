"""Score a recovery against the truth: metrics, blind baselines, gains.

The gain is the paired difference, image by image, to the best *blind* baseline: one that any
bystander could submit without attacking (the mean public image, a random public image, the
ciphertext itself, a constant). Its 95 % interval is a percentile bootstrap of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.classes import class_scores
from ppattack.evaluation.collapse import CONSTANTS, collapse, spread
from ppattack.evaluation.keys import key_scores, puzzle_scores
from ppattack.evaluation.reidentification import identity_scores
from ppattack.evaluation.statistics import Values, wilson95
from ppattack.evaluation.statistics import summarise as summarise
from ppattack.metrics import IMAGE_METRICS
from ppattack.reports.run import MatchingScores, MetricScores, Scores, Summary, WorstSample
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
) -> Evaluation:
    """Score everything that the recovery holds and the truth can answer.

    Args:
        recovery: what the attack returned.
        scenario: the truth and the public images.
        target: the scheme, for comparing keys.
        scorer: computes the image metrics on its device.
        seed: the run's seed, for baselines and bootstrap.
        only_gain: whether identity and class are left out unless the attack is for them.
    """
    found: dict[str, Any] = {}
    state: dict[str, Summary] = {}
    found_spread = collapsed = None
    absent: dict[str, str] = dict(scorer.absent(scenario.observation.image_shape))
    columns: dict[str, Values] = {}
    baselines: dict[str, float] = {}
    failures = {scenario.names[i]: why for i, why in recovery.failures.items()}
    truth = scenario.truth
    results: dict[str, MetricScores | Absent] = {}
    blind: dict[str, Tensor] = {}
    if truth.images is None:
        absent |= dict.fromkeys(_OF_IMAGES, "the plain images are not known (no --truth)")
    elif recovery.images is None:
        absent |= dict.fromkeys(_OF_IMAGES, "the attack recovers no images")
    else:
        blind = _blind(scenario, seed)
        values = _image_values(recovery.images, truth.images, blind, scorer)
        baselines = {n: float(v.mean()) for n, v in values.get("ssim", {}).items() if n not in _OWN}
        for metric, by_label in values.items():
            better = IMAGE_METRICS[metric].better
            found[metric], columns_of = _metric_scores(metric, by_label, better, seed)
            columns |= columns_of
        found_spread = spread(recovery.images)
        if "ssim" in values:
            collapsed = _collapsed(recovery.images, truth.images, values["ssim"])
        if recovery.up_to_state and "ssim" in values:
            shared = scenario.observation.threat.key_scope == "dataset"
            useless = [recovery.images.roll(1, 0)]
            useless += [blind["ciphertext"]] if "ciphertext" in blind else []
            state = _in_best_state(
                recovery.images, truth.images, useless, values["ssim"], shared, seed
            )
        if not only_gain:
            named, more = identity_scores(recovery.images, blind, scenario, scorer, seed)
            results |= named
            columns |= more
    matching, right = _matching_scores(recovery, scenario, seed)
    classes, told = class_scores(recovery, blind, scenario, scorer, seed, only_gain=only_gain)
    columns |= right | told
    results |= {
        "key": key_scores(recovery, scenario, target),
        "puzzle": puzzle_scores(recovery, scenario, target, seed),
        "matching": matching,
        "classification": classes,
    }
    for name, result in results.items():
        if isinstance(result, Absent):
            absent[name] = result.reason
        else:
            found[name] = result
    return Evaluation(
        scores=Scores(**found),
        absent={name: reason for name, reason in absent.items() if name not in found},
        columns=columns,
        baselines=baselines,
        worst=_worst(columns, scenario.names),
        failures=failures,
        best_state_ssim=state.get("best"),
        best_state_gain=state.get("gain"),
        spread=found_spread,
        collapse=collapsed,
        limits=recovery.limits,
        refuted=recovery.refuted,
        exact=_decrypts_exactly(recovery, scenario),
    )


def _decrypts_exactly(recovery: Recovery, scenario: Scenario) -> bool:
    """Whether a map was recovered, and gives every image back to the last bit."""
    seen, plain = scenario.observation, scenario.truth.images
    if recovery.map is None or plain is None:
        return False
    made = recovery.map.invert(seen.ciphertexts.cpu())
    return seen.scheme.representation.restore(made, seen.image_shape).equal(plain.cpu())


def _collapsed(images: Tensor, plain: Tensor, ssim: Mapping[str, Values]) -> str | None:
    """Why reconstructions do not depend on their ciphertexts, or None."""
    constants = {name: ssim[name] for name in CONSTANTS if name in ssim}
    return collapse(images, plain, ssim["reconstruction"], constants)


_OWN = ("reconstruction",)
_OF_IMAGES = (*IMAGE_METRICS, "reidentification", "recognisability")


def _in_best_state(
    images: Tensor,
    plain: Tensor,
    useless: Sequence[Tensor],
    scored: Mapping[str, Values],
    shared: bool,
    seed: int,
) -> dict[str, Summary]:
    """SSIM under the best of all global states, and what it gains.

    The best of so many states is above chance by luck, so the gain is over the reconstructions of
    other images and the ciphertexts themselves in *their* best states (``useless``), or over the
    best blind baseline if that is closer.
    """
    from ppattack.metrics.states import best_state_ssim

    best = best_state_ssim(images, plain, shared=shared).numpy()
    guesses = [values for name, values in scored.items() if name not in _OWN]
    guesses += [best_state_ssim(each, plain, shared=shared).numpy() for each in useless]
    closest = max(guesses, key=lambda values: float(values.mean()))
    return summarise({"best": best, "gain": best - closest}, seed)


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
    images: Tensor, plain: Tensor, blind: Mapping[str, Tensor], scorer: ImageScorer
) -> dict[str, dict[str, Values]]:
    """Metric → (reconstruction, ciphertext and each baseline) → one value per image."""
    candidates = {"reconstruction": images, **blind}
    parts: dict[str, dict[str, list[Values]]] = {}
    for start in range(0, len(plain), IMAGES_AT_ONCE):
        part = slice(start, start + IMAGES_AT_ONCE)
        chunk = {label: stack[part] for label, stack in candidates.items()}
        for metric, by_label in scorer.score(plain[part], chunk).items():
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


FALSE_MATCH_RATES = (0.001, 0.01)
"""At which the recall among images that may be absent is reported."""
TOP = (1, 5, 10)
"""How many of the likeliest candidates are searched for the plain image."""


def _matching_scores(
    recovery: Recovery, scenario: Scenario, seed: int
) -> tuple[MatchingScores | Absent, dict[str, Values]]:
    """The scores, or why they are absent; and 1 for each ciphertext that was named, else 0."""
    truth = scenario.truth.matching
    if recovery.matching is None:
        return Absent("the attack recovers no matching"), {}
    if truth is None:
        return Absent("the true matching is not known"), {}
    present = truth >= 0
    if not bool(present.any()):
        return Absent("no ciphertext's image is among the candidates"), {}
    right = (recovery.matching == truth)[present].numpy().astype(np.float64)
    chance = np.full_like(right, 1.0 / len(scenario.observation.public_images))
    roles = {"reconstruction": right, "baseline": chance, "gain": right - chance}
    summaries = summarise(roles, seed)
    scores = MatchingScores(
        better="higher",
        ciphertext=None,
        baseline_name="chance",
        wilson95=wilson95(int(right.sum()), len(right)),
        top=_among_top(recovery.ranking, truth),
        stages={
            stage: float((found == truth)[present].double().mean())
            for stage, found in recovery.stages.items()
        },
        **_open_set(recovery, truth),
        **summaries,
    )
    if not bool(present.all()):  # there is no right answer for the others, and no row in a table
        return scores, {}
    return scores, {f"matching.{role}": values for role, values in roles.items()}


def _open_set(recovery: Recovery, truth: Tensor) -> dict[str, Any]:
    """Recall and false matches if only p-values up to a false-match rate count as matches."""
    if recovery.p_values is None:
        return {}
    present, absent = truth >= 0, int((truth < 0).sum())
    found: dict[str, Any] = {"recall_at_fmr": {}, "recall95": {}, "absent": absent}
    found |= {"false_matches": {}, "false95": {}}
    for rate in FALSE_MATCH_RATES:
        sure = recovery.p_values <= rate
        named = int((sure & (recovery.matching == truth))[present].sum())
        count = int(present.sum())
        found["recall_at_fmr"][f"{rate:g}"] = named / count
        found["recall95"][f"{rate:g}"] = wilson95(named, count)
        if absent:
            wrong = int(sure[~present].sum())
            found["false_matches"][f"{rate:g}"] = wrong / absent
            found["false95"][f"{rate:g}"] = wilson95(wrong, absent)
    return found


def _among_top(ranking: Tensor | None, truth: Tensor) -> dict[str, float]:
    """The share of ciphertexts whose plain image is among the first k candidates, by k."""
    if ranking is None:
        return {}
    hit = (ranking == truth[:, None])[truth >= 0]
    return {str(k): float(hit[:, :k].any(dim=1).double().mean()) for k in TOP if k <= hit.shape[1]}


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
