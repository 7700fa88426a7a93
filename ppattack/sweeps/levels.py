"""The order in which an audit runs attacks, and what it leaves out once it knows enough."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from ppattack.attack import LEVELS
from ppattack.errors import PpattackError
from ppattack.isolation.proxy import isolated_by_default
from ppattack.plugins import registry
from ppattack.reports.leaks import VISIBLE
from ppattack.reports.probe import ProbeReport
from ppattack.reports.sweep import Cell

TRAINED = LEVELS.index("trained")
COMPONENTS = 3
"""Bytes that one byte of an image reaches at most by a change of colour space."""
FREE_SECONDS = 50.0
"""``covariance-matching`` with its control where any byte can have gone anywhere, 32 pixels."""
ELSEWHERE = TRAINED - 0.5
"""Attacks that do not come with ppattack are not loaded here: they run before trained ones."""


class Levels:
    """Level by level, until one attack of the level brought images back; trained ones if none did.

    What identity or class gives away decides nothing about bringing images back.

    Attacks from elsewhere always run: whoever installed them wants to know.

    Attacks whose model is not the scheme that was probed are left out too, and trained ones where
    every ciphertext is noise of its own: there is nothing that a network could learn.

    Args:
        attacks: the attack of every cell.
        probed: what the probes said of the target, or None without them.
        second: the cells of a second key scope, whose trained attacks run only if nothing else
            told anything: there a named image is enough to leave them out.
        probed_second: what the probes said of the target in that scope, if it was probed there:
            under a key per image more can be noise.
    """

    def __init__(
        self,
        attacks: Sequence[str],
        probed: ProbeReport | None = None,
        second: Collection[int] = (),
        probed_second: ProbeReport | None = None,
    ) -> None:
        self._second = frozenset(second)
        self._outside = [None if probed is None else outside(one, probed) for one in attacks]
        said = [probed_second if n in self._second else probed for n in range(len(attacks))]
        self._hides = ["" if found is None or not found.hides else hidden(found) for found in said]
        self._levels = [level_of(attack) for attack in attacks]

    def batches(self) -> list[list[int]]:
        """The numbers of the cells by level."""
        ordered = sorted(range(len(self._levels)), key=lambda number: self._levels[number])
        grouped = groupby(ordered, key=lambda number: self._levels[number])
        return [list(numbers) for _, numbers in grouped]

    def left_out(self, number: int, cells: Sequence[Cell]) -> str | None:
        """What broke the target before, if that is enough."""
        if self._outside[number] is not None:
            return f"{self._outside[number]} (--all runs it all the same)."
        level = self._levels[number]
        if level == ELSEWHERE:
            return None
        if level == TRAINED and self._hides[number]:
            return f"{self._hides[number]} (--all runs it all the same)."
        for other, cell in enumerate(cells):
            leak = None if cell.outcome is None else cell.outcome.leak
            if leak is None or cell.key_scope != cells[number].key_scope:
                continue
            decided = leak in VISIBLE and level in (self._levels[other], TRAINED)
            named = leak == "identity" and level == TRAINED and number in self._second
            if decided or named:
                return f"{cell.attack} has broken it already (--all runs this one too)."
        return None


def hidden(probed: ProbeReport) -> str:
    """Why no generic attack applies to a scheme that hides everything, in words."""
    return f"the probes: {probed.words}, and ciphertexts are noise, even of images of one colour"


def outside(attack: str, probed: ProbeReport) -> str | None:
    """Why a scheme is outside the model of an attack that costs much, in words; None if it is not.

    ``covariance-matching`` reads symbols that are moved and complemented. If whole bytes are, the
    scheme is affine over the reals; nibbles that are masked cannot be told from others.
    """
    if attack != "covariance-matching":
        return None
    if probed.hides:
        return hidden(probed)
    found = {each.name: each for each in probed.properties}
    if "deterministic" not in found or not found["deterministic"].holds:  # codes are not probed
        return None
    inside = probed.kind == "permutation"
    if inside and found["unit"].facts["unit"] == "byte":
        inside = bool(found["real-affine"].holds)
    if (inside and found["unit"].facts["unit"] != "bit") or _converted(probed):
        return None
    return (
        f"it matches bytes or nibbles that are moved and complemented; the probes: {probed.words}"
    )


def _converted(probed: ProbeReport) -> bool:
    """Whether images may be converted before they are permuted, as by colour transforms."""
    return probed.kind == "real-linear" and _reach(probed) <= COMPONENTS


def _reach(probed: ProbeReport) -> int:
    return next(int(one.facts["bytes"]) for one in probed.properties if one.name == "local")


def level_of(attack: str) -> float:
    """The number of an attack's level, the cheapest first."""
    if isolated_by_default(attack):
        return ELSEWHERE
    try:
        return LEVELS.index(registry.attack(attack).card.audit_level)
    except PpattackError:
        return ELSEWHERE


def cheapest_first(attacks: Sequence[str], *, undescribed: bool = False) -> list[str]:
    """Attacks by level; within one, those without chosen plaintexts first, then by their seconds.

    What breaks a target with less comes first, so that what needs more is left out.

    Args:
        attacks: names.
        undescribed: whether the scheme says nothing of its structure. Then ``covariance-matching``
            looks for any order of all symbols, which takes long.
    """

    def cost(attack: str) -> tuple[float, bool, float, str]:
        level = level_of(attack)
        if level == ELSEWHERE:
            return level, False, 0.0, attack
        card = registry.attack(attack).card
        free = undescribed and attack == "covariance-matching"
        return level, card.requires.chosen > 0, FREE_SECONDS if free else card.seconds, attack

    return sorted(attacks, key=cost)
