"""From scores to levels: what an attack has shown that a scheme gives away.

Every level has one test, and all thresholds are here. ``key`` needs every symbol right. The others
rest on a gain per image over the best blind baseline: it is shown if the lower end of the 95 %
interval of its mean is above :data:`BROKEN_GAIN`.

=========  ===========================================================================
level      gain
=========  ===========================================================================
images     SSIM over the best blind baseline
state      SSIM in the best global state over the best baseline, or over the
           reconstructions of other images and the ciphertexts in their best states
identity   share of images that are named, over the share that a guess names, or that
           the ciphertexts themselves give away if images were recovered
class      share of images whose class is told, over the share of the largest class, or
           over what a classifier of plain images tells of the ciphertexts themselves
=========  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ppattack.reports.leaks import LEVELS, LeakLevel, LeakName
from ppattack.reports.scores import Scores, Summary

if TYPE_CHECKING:
    from ppattack.evaluation.scores import Evaluation

BROKEN_GAIN = 0.05
"""Mean gain over the best blind baseline from which a level counts as shown."""
FEWEST_IMAGES = 10
"""Below this many scored images an interval means nothing, and no level is shown by one."""
EXACT_KEY = "the attack recovered the exact key"
EXACT_MAP = "the attack recovered a map that decrypts every image exactly"
METRICS: Mapping[LeakName, tuple[str, ...]] = {
    "images": ("ssim",),
    "identity": ("matching", "reidentification"),
    "class": ("classification",),
}
"""The scores that a level rests on; the one with the highest lower end counts."""


def measured(evaluation: Evaluation) -> dict[LeakName, LeakLevel]:
    """Every level that the scores say something of, the strongest first."""
    scores = evaluation.scores
    found: dict[LeakName, LeakLevel] = {}
    if evaluation.exact:
        found["key"] = LeakLevel(shown=True, words=EXACT_MAP)
    elif scores.key is not None:
        share = scores.key.reconstruction.mean
        words = EXACT_KEY if share == 1.0 else f"{share:.1%} of the key"
        found["key"] = LeakLevel(shown=share == 1.0, words=words)
    believed = not (evaluation.collapse or evaluation.refuted)
    for level in LEVELS:
        gain, name = evaluation.best_state_gain, "SSIM in the best state"
        if level != "state":
            name, gain = gain_of(scores, level)
        if gain is not None:
            found[level] = LeakLevel(shown=believed and is_shown(gain), words=in_words(name, gain))
    return found


def strongest(levels: Mapping[LeakName, LeakLevel]) -> LeakName:
    """The strongest level that is shown, or ``nothing``."""
    return next((level for level in LEVELS if level in levels and levels[level].shown), "nothing")


def gain_of(scores: Scores, level: LeakName) -> tuple[str, Summary | None]:
    """The metric of a level, and its gain; of several the one that shows most."""
    parts = {name: getattr(scores, name) for name in METRICS.get(level, ())}
    known = {name: part.gain for name, part in parts.items() if part is not None and part.gain}
    if not known:
        return "", None
    name = max(known, key=lambda each: known[each].ci95[0])
    return name, known[name]


def is_shown(gain: Summary) -> bool:
    """Whether a gain is large, and surely so."""
    return gain.n >= FEWEST_IMAGES and gain.ci95[0] > BROKEN_GAIN


def in_words(name: str, gain: Summary) -> str:
    """A gain with its interval."""
    low, high = gain.ci95
    words = f"mean {name} gain {gain.mean:+.3f} [{low:+.3f}, {high:+.3f}] over the best baseline"
    if gain.n < FEWEST_IMAGES:
        few = "1 image is" if gain.n == 1 else f"{gain.n} images are"
        words += f": {few} too few, score {FEWEST_IMAGES}"
    return words
