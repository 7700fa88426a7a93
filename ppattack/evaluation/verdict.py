"""From an evaluation and its controls to BROKEN, RESISTED or INCONCLUSIVE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.reports.run import ControlResult, Summary, VerdictName

if TYPE_CHECKING:
    from ppattack.evaluation.scores import Evaluation

BROKEN_GAIN = 0.05
"""Mean SSIM gain over the best blind baseline from which images count as recovered."""
NOT_ATTACKED = (
    "no attack was run: the ciphertexts themselves were compared with the plain images. That says "
    "nothing about what an attack could bring back."
)
"""Why there is no verdict if nothing was attacked."""
FEWEST_IMAGES = 10
"""Below this many scored images an interval means nothing, and no verdict is given."""


def decide(
    evaluation: Evaluation, positive: ControlResult | None, negative: ControlResult | None
) -> tuple[VerdictName, str]:
    """The verdict and its reason in words.

    Args:
        evaluation: of the attack on the target.
        positive: the attack on a target that it must break; needed for RESISTED.
        negative: the attack on a target where it must gain nothing; needed for BROKEN.
    """
    if evaluation.failures:
        count = len(evaluation.failures)
        return "INCONCLUSIVE", f"the attack failed on {count} images, and errors count."
    key = evaluation.scores.key
    if key is not None and key.reconstruction.mean == 1.0:
        return _broken("the attack recovered the exact key", negative)
    if evaluation.exact:
        return _broken("the attack recovered a map that decrypts every image exactly", negative)
    found = evaluation.scores.main_gain()
    if found is None:
        return "INCONCLUSIVE", "nothing could be scored: no truth was given, or no metric applies."
    metric, gain = found
    low, high = gain.ci95
    if evaluation.collapse:
        return "INCONCLUSIVE", (
            f"the attack collapsed: {evaluation.collapse}. That says nothing about the scheme."
        )
    words = f"mean {metric} gain {gain.mean:+.3f} [{low:+.3f}, {high:+.3f}] over the best baseline"
    if gain.n < FEWEST_IMAGES:
        return "INCONCLUSIVE", f"{words}: {gain.n} images are too few, score {FEWEST_IMAGES}."
    if evaluation.refuted:
        return "INCONCLUSIVE", f"{words}, but {evaluation.limits}."
    if low > BROKEN_GAIN:
        return _broken(words, negative)
    if came_back_up_to_state(evaluation):
        best = evaluation.best_state_ssim
        return "INCONCLUSIVE", (
            f"{words}, but the images came back turned, mirrored, complemented or with colours in "
            f"another order: SSIM {best.mean if best else 0:.3f} in the best such state."
        )
    shown, guessed = _ciphertext_and_best_guess(evaluation)
    if shown - guessed > BROKEN_GAIN:
        return "INCONCLUSIVE", (
            f"{words}, but the ciphertexts themselves look like their images: SSIM {shown:.3f}, "
            f"the best guess {guessed:.3f}. What is not hidden cannot be brought back."
        )
    if evaluation.limits:
        return "INCONCLUSIVE", f"{words}, but {evaluation.limits}."
    if metric == "matching" and low > 0:
        return "INCONCLUSIVE", f"{words}: few are named, but more than chance would name."
    if high >= BROKEN_GAIN:
        return "INCONCLUSIVE", f"{words}: the interval contains {BROKEN_GAIN}: use more images."
    if positive is None:
        return "INCONCLUSIVE", f"{words}, but no positive control shows that the attack works."
    if not positive.passed:
        return "INCONCLUSIVE", f"{words}, but the attack failed its positive control too."
    return "RESISTED", f"{words}; the same attack breaks its positive control."


def came_back_up_to_state(evaluation: Evaluation) -> bool:
    """Whether only the global state keeps a person from seeing the images as they are."""
    best, raw = evaluation.best_state_ssim, evaluation.scores.ssim
    if best is None or raw is None or raw.baseline is None:
        return False
    return best.ci95[0] - raw.baseline.mean > BROKEN_GAIN


def _ciphertext_and_best_guess(evaluation: Evaluation) -> tuple[float, float]:
    """Mean SSIM of the ciphertexts as they are, and of the best baseline without them."""
    guesses = [value for name, value in evaluation.baselines.items() if name != "ciphertext"]
    guessed = max(guesses, default=0.0)
    return evaluation.baselines.get("ciphertext", guessed), guessed


def _broken(words: str, negative: ControlResult | None) -> tuple[VerdictName, str]:
    if negative is not None and not negative.passed:
        return "INCONCLUSIVE", (
            f"{words}, but it also gains on its negative control ({negative.target}): something "
            "leaks."
        )
    return "BROKEN", f"{words}."


def passes(gain: Summary | None, *, must_break: bool) -> bool:
    """Whether a control's gain is what it must be."""
    if gain is None:
        return False
    return gain.ci95[0] > BROKEN_GAIN if must_break else gain.ci95[0] <= BROKEN_GAIN
