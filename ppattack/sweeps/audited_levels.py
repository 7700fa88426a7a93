"""What leaks over all attacks of an audit, level by level."""

from __future__ import annotations

from collections.abc import Sequence

from ppattack.evaluation.matching import UNKNOWN
from ppattack.reports.audit import AuditedLevel
from ppattack.reports.leaks import level_lines
from ppattack.reports.run import Report

PUBLIC = ("none", "unpaired", "candidates")
"""What an adversary may know of images, least first."""


def audited_levels(reports: Sequence[Report]) -> tuple[AuditedLevel, ...]:
    """The levels, the strongest first, each with the attack that needs least to show it.

    That of identity says too how many images the ciphertexts name as they are, if more than chance
    would, and what a matching found that nobody can score. No attack is credited with these, and
    they make no level.

    Args:
        reports: of the attacks that ran, under one kind of keys.
    """
    if not reports:
        return ()
    return tuple(
        AuditedLevel(
            level=line.level,
            state=line.state,
            attack=line.source.attack.name if line.source else None,
            words="; ".join(
                words
                for words in (
                    line.words,
                    *((_claimed(reports), _seen(reports)) if line.level == "identity" else ()),
                )
                if words
            ),
        )
        for line in level_lines([(each, each.levels) for each in sorted(reports, key=demands)])
    )


def _claimed(reports: Sequence[Report]) -> str:
    """What an attack says of ciphertexts whose images nobody knows, in words."""
    for report in reports:
        words = report.absent.get("matching", "")
        if words.startswith(f"{UNKNOWN},"):
            return f"{report.attack.name}: {words}"
    return ""


def _seen(reports: Sequence[Report]) -> str:
    """How many images the ciphertexts name without any attack, in words."""
    for report in reports:
        found = report.scores.reidentification
        own = None if found is None else found.ciphertext
        if found is not None and own is not None and own.ci95[0] > found.chance:
            return (
                f"the ciphertexts as they are, without an attack, name {own.mean:.1%} of {own.n} "
                f"among {found.candidates} (chance {found.chance:.1%})"
            )
    return ""


def demands(report: Report) -> tuple[bool, bool, int, str]:
    """What an adversary needed, least first."""
    threat = report.threat
    public = PUBLIC.index(threat.public)
    return threat.chosen > 0, threat.pairs > 0, public, report.attack.name
