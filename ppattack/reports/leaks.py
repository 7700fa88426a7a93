"""What a scheme gives away, in levels: the names that reports, gates and pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from ppattack.reports.parts import Part

LeakName = Literal["nothing", "class", "identity", "state", "images", "key"]
LEAKS: tuple[LeakName, ...] = get_args(LeakName)
"""The weakest first: each is worse for the owner of the images than the one before."""
LEVELS: tuple[LeakName, ...] = LEAKS[:0:-1]
"""All but ``nothing``, the strongest first."""
WORDS: Mapping[LeakName, str] = {
    "key": "the key",
    "images": "images",
    "state": "images up to a global state",
    "identity": "identity",
    "class": "class",
    "nothing": "nothing shown",
}
MEANING: Mapping[LeakName, str] = {
    "key": "the exact key, or a map that decrypts every image exactly",
    "images": "images come back",
    "state": "images come back turned, mirrored, complemented or with colours in another order",
    "identity": "which of many known images a ciphertext is of",
    "class": "what kind of thing is in the image",
    "nothing": "no level was shown",
}
VISIBLE: tuple[LeakName, ...] = ("state", "images", "key")
"""Levels at which a person sees the images."""


class LeakLevel(Part):
    """What was measured of one level.

    Args:
        shown: whether it leaks, by the thresholds of ``ppattack.evaluation.leaks``.
        words: the numbers.
    """

    shown: bool
    words: str


def rank(leak: LeakName) -> int:
    """0 for nothing, the higher the worse."""
    return LEAKS.index(leak)


def verdict_words(verdict: str, leak: LeakName | None, attack: str = "") -> str:
    """A verdict for people: what leaks, or that nothing was shown, and by what.

    Args:
        verdict: as in the report.
        leak: the strongest level; None in reports that do not say.
        attack: that showed nothing.
    """
    if verdict == "BROKEN" and leak is not None:
        return f"BROKEN: {WORDS[leak]}"
    if verdict == "RESISTED":
        return f"nothing shown by {attack}" if attack else "nothing shown"
    return verdict


State = Literal["shown", "follows", "not shown", "not measured"]
S = TypeVar("S")


@dataclass(frozen=True)
class LevelLine(Generic[S]):
    """One level over several runs.

    Args:
        level: the level.
        state: ``shown`` by a run, or ``follows`` from a stronger level that was shown;
            ``not shown`` by any that measured it, or ``not measured``. Images do not follow from a
            key if those that it gave back were measured and are none: a scheme may lose so much.
        source: the first run that shows it, or that measured it.
        words: the numbers of that run.
    """

    level: LeakName
    state: State
    source: S | None
    words: str


def level_lines(
    found: Sequence[tuple[S, Mapping[LeakName, LeakLevel]]],
) -> tuple[LevelLine[S], ...]:
    """Every level over several runs, the strongest first.

    Args:
        found: each run with its levels, in the order in which one is chosen that shows a level.
    """
    lines: list[LevelLine[S]] = []
    stronger: LevelLine[S] | None = None
    theirs: Mapping[LeakName, LeakLevel] = {}
    for level in LEVELS:
        own = [(source, levels) for source, levels in found if level in levels]
        shown = [(source, levels) for source, levels in own if levels[level].shown]
        if shown:
            source, levels = shown[0]
            line = LevelLine(level, "shown", source, levels[level].words)
            if stronger is None:
                stronger, theirs = line, levels
        elif stronger is not None and not (level in VISIBLE and level in theirs):
            words = f"whoever has {WORDS[stronger.level]} has this too"
            line = LevelLine(level, "follows", stronger.source, words)
        elif own:
            line = LevelLine(level, "not shown", own[0][0], own[0][1][level].words)
        else:
            line = LevelLine[S](level, "not measured", None, "")
        lines.append(line)
    return tuple(lines)
