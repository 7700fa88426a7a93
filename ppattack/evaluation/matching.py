"""How many ciphertexts an attack named, and how often it is wrong of images that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.statistics import Values, summarise, wilson95
from ppattack.reports.scores import SURE, MatchingScores

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario

FALSE_MATCH_RATES = (0.001, 0.01)
"""At which the recall among images that may be absent is reported."""
TOP = (1, 5, 10)
"""How many of the likeliest candidates are searched for the plain image."""
UNKNOWN = "the true matching is not known"


def matching_scores(
    recovery: Recovery, scenario: Scenario, seed: int
) -> tuple[MatchingScores | Absent, dict[str, Values]]:
    """The scores, or why they are absent; and 1 for each ciphertext that was named, else 0."""
    truth = scenario.truth.matching
    if recovery.matching is None:
        return Absent("the attack recovers no matching"), {}
    if truth is None:
        return Absent(UNKNOWN + _claimed(recovery)), {}
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
        over_chance=float(right.mean()) * len(scenario.observation.public_images),
        top=_among_top(recovery.ranking, truth),
        reciprocal_rank=_reciprocal_rank(recovery.ranking, truth),
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


def _claimed(recovery: Recovery) -> str:
    """What the attack says of ciphertexts whose images nobody knows, in words that follow."""
    if recovery.p_values is None or recovery.exact is None:
        return ""
    exact = recovery.exact
    others = int((~exact & (recovery.p_values <= SURE)).sum())
    return (
        f", but of {len(exact)} ciphertexts {int(exact.sum())} are of exact copies and {others} "
        f"others have a p-value up to {SURE:g}"
    )


def _open_set(recovery: Recovery, truth: Tensor) -> dict[str, Any]:
    """Recall and false matches if only p-values up to a false-match rate count as matches.

    An exact copy counts at every rate, right or wrong: among few candidates no p-value is small.
    """
    if recovery.p_values is None:
        return {}
    present, absent = truth >= 0, int((truth < 0).sum())
    found: dict[str, Any] = {"recall_at_fmr": {}, "recall95": {}, "absent": absent}
    found |= {"false_matches": {}, "false95": {}}
    for rate in FALSE_MATCH_RATES:
        sure = recovery.p_values <= rate
        if recovery.exact is not None:
            sure = sure | recovery.exact
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


def _reciprocal_rank(ranking: Tensor | None, truth: Tensor) -> float | None:
    """Mean of one over the place of the plain image, 0 where it is not among the likeliest."""
    if ranking is None:
        return None
    hit = (ranking == truth[:, None])[truth >= 0].numpy()
    return float((hit @ (1 / np.arange(1, hit.shape[1] + 1))).mean())
