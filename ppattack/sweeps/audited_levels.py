"""What leaks over all attacks of an audit, level by level, for each kind of key."""

from __future__ import annotations

from collections.abc import Sequence

from ppattack.reports.audit import AuditedLevel
from ppattack.reports.leaks import level_lines
from ppattack.reports.run import Report

PUBLIC = ("none", "unpaired", "candidates")
"""What an adversary may know of images, least first."""


def audited_levels(reports: Sequence[Report]) -> tuple[AuditedLevel, ...]:
    """The levels, the strongest first; of one key for all images before those of one per image.

    Args:
        reports: of the attacks that ran.
    """
    found = []
    for scope in ("dataset", "image"):
        own = sorted((each for each in reports if each.threat.key_scope == scope), key=demands)
        if not own:
            continue
        found += [
            AuditedLevel(
                level=line.level,
                key_scope=line.source.threat.key_scope if line.source else own[0].threat.key_scope,
                state=line.state,
                attack=line.source.attack.name if line.source else None,
                words=line.words,
            )
            for line in level_lines([(each, each.levels) for each in own])
        ]
    return tuple(found)


def demands(report: Report) -> tuple[bool, bool, int, str]:
    """What an adversary needed, least first."""
    threat = report.threat
    public = PUBLIC.index(threat.public)
    return threat.chosen > 0, threat.pairs > 0, public, report.attack.name
