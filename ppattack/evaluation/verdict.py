"""From an evaluation and its controls to BROKEN, RESISTED or INCONCLUSIVE, and to what leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ppattack.evaluation.leaks import BROKEN_GAIN as BROKEN_GAIN
from ppattack.evaluation.leaks import (
    FEWEST_IMAGES,
    METRICS,
    gain_of,
    in_words,
    measured,
    strongest,
)
from ppattack.evaluation.matching import UNKNOWN
from ppattack.reports.leaks import LeakLevel, LeakName
from ppattack.reports.run import ControlResult, VerdictName

if TYPE_CHECKING:
    from ppattack.evaluation.scores import Evaluation

NOT_ATTACKED = (
    "no attack was run: the ciphertexts themselves were compared with the plain images. That says "
    "nothing about what an attack could bring back."
)
"""Why there is no verdict if nothing was attacked."""


class Judgement(NamedTuple):
    """The verdict of a run, and what it rests on.

    Args:
        verdict: BROKEN if any level was shown.
        reason: in words.
        leak: the strongest level that was shown, ``nothing`` unless the verdict is BROKEN.
        levels: what was measured, the strongest first. None counts as shown without BROKEN.
    """

    verdict: VerdictName
    reason: str
    leak: LeakName
    levels: dict[LeakName, LeakLevel]


def decide(
    evaluation: Evaluation, positive: ControlResult | None, negative: ControlResult | None
) -> Judgement:
    """The verdict, its reason in words, and the levels.

    Args:
        evaluation: of the attack on the target.
        positive: the attack on a target that it must break; needed for RESISTED.
        negative: the attack on a target where it must gain nothing; needed for BROKEN.
    """
    levels = measured(evaluation)
    leak = strongest(levels)
    if evaluation.failures:
        count = len(evaluation.failures)
        return _open(f"the attack failed on {count} images, and errors count.", levels)
    if leak == "nothing":
        verdict, reason = _nothing_shown(evaluation, positive)
        return Judgement(verdict, reason, leak, levels)
    words = _words(leak, levels, evaluation)
    if negative is not None and not negative.passed:
        words += f", but it also gains on its negative control ({negative.target})"
        return _open(f"{words}: something leaks.", levels)
    return Judgement("BROKEN", f"{words}.", leak, levels)


def _open(reason: str, levels: dict[LeakName, LeakLevel]) -> Judgement:
    """INCONCLUSIVE, whatever the numbers of the levels say."""
    kept = {name: LeakLevel(shown=False, words=level.words) for name, level in levels.items()}
    return Judgement("INCONCLUSIVE", reason, "nothing", kept)


def _words(leak: LeakName, levels: dict[LeakName, LeakLevel], evaluation: Evaluation) -> str:
    """Why a level counts as shown."""
    words = levels[leak].words
    if leak == "state":
        best = evaluation.best_state_ssim
        words = (
            "the images came back turned, mirrored, complemented or with colours in another order: "
            f"SSIM {best.mean if best else 0:.3f} in the best such state, {words}"
        )
    if leak in ("identity", "class") and "images" in levels:
        words = f"no images came back, but the {leak} leaks: {words}"
    return words


def _nothing_shown(
    evaluation: Evaluation, positive: ControlResult | None
) -> tuple[VerdictName, str]:
    """RESISTED if that says something of the scheme."""
    found = evaluation.scores.main_gain()
    if found is None:
        why, claimed = "no truth was given, or no metric applies", evaluation.absent.get("matching")
        if claimed is not None and claimed.startswith(UNKNOWN):
            why = claimed
        reason = f"nothing could be scored: {why}."
        if evaluation.by_sight:
            return "INCONCLUSIVE", f"{reason} But {evaluation.by_sight}"
        limits = evaluation.limits
        return "INCONCLUSIVE", f"{reason} {limits[0].upper()}{limits[1:]}." if limits else reason
    metric, gain = found
    if evaluation.collapse and not evaluation.refuted:
        return "INCONCLUSIVE", (
            f"the attack collapsed: {evaluation.collapse}. That says nothing about the scheme."
        )
    words = in_words(metric, gain)
    if gain.n < FEWEST_IMAGES:
        return "INCONCLUSIVE", f"{words}."
    if evaluation.refuted:
        return "INCONCLUSIVE", f"{words}, but {evaluation.limits}."
    shown, guessed = _ciphertext_and_best_guess(evaluation)
    if shown - guessed > BROKEN_GAIN:
        return "INCONCLUSIVE", (
            f"{words}, but the ciphertexts themselves look like their images: SSIM {shown:.3f}, "
            f"the best guess {guessed:.3f}. What is not hidden cannot be brought back."
        )
    if evaluation.limits:
        return "INCONCLUSIVE", f"{words}, but {evaluation.limits}."
    named, few = gain_of(evaluation.scores, "identity")
    if few is not None and few.ci95[0] > 0:
        few_words = words if named == metric else f"{words}, and {in_words(named, few)}"
        return "INCONCLUSIVE", f"{few_words}: few are named, but more than chance would name."
    if gain.ci95[1] >= BROKEN_GAIN:
        return "INCONCLUSIVE", f"{words}: the interval contains {BROKEN_GAIN}: use more images."
    state = evaluation.best_state_gain
    if state is not None and state.ci95[1] >= BROKEN_GAIN:
        words = in_words("SSIM in the best state", state)
        return "INCONCLUSIVE", f"{words}: the interval contains {BROKEN_GAIN}: use more images."
    if evaluation.by_sight:
        doubt = "The images of --truth hold other values: are they theirs?"
        return "INCONCLUSIVE", f"{words}, but {evaluation.by_sight} {doubt}"
    if positive is None:
        return "INCONCLUSIVE", f"{words}, but no positive control shows that the attack works."
    if not positive.passed:
        return "INCONCLUSIVE", f"{words}, but the attack failed its positive control too."
    return "RESISTED", f"{words}; the same attack breaks its positive control."


def _ciphertext_and_best_guess(evaluation: Evaluation) -> tuple[float, float]:
    """Mean SSIM of the ciphertexts as they are, and of the best baseline without them."""
    guesses = [value for name, value in evaluation.baselines.items() if name != "ciphertext"]
    guessed = max(guesses, default=0.0)
    return evaluation.baselines.get("ciphertext", guessed), guessed


def passes(evaluation: Evaluation, *, must_break: bool) -> bool:
    """Whether a control's outcome is what it must be.

    A positive control must show what the attack is for, images up to a state included: they show
    that it works. A negative one must show nothing at any level.
    """
    levels, found = measured(evaluation), evaluation.scores.main_gain()
    if found is None:
        return False
    if not must_break:
        return strongest(levels) == "nothing"
    own = [level for level, metrics in METRICS.items() if found[0] in metrics]
    return any(level in levels and levels[level].shown for level in (*own, "state"))
