"""What leaks over all attacks of an audit, level by level."""

from __future__ import annotations

from collections.abc import Sequence

from ppattack.reports.audit import AuditedLevel
from ppattack.reports.leaks import level_lines
from ppattack.reports.run import Report

PUBLIC = ("none", "unpaired", "candidates")
"""What an adversary may know of images, least first."""


def audited_levels(reports: Sequence[Report]) -> tuple[AuditedLevel, ...]:
    """The levels, the strongest first, each with the attack that needs least to show it.

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
            words=line.words,
        )
        for line in level_lines([(each, each.levels) for each in sorted(reports, key=demands)])
    )


def demands(report: Report) -> tuple[bool, bool, int, str]:
    """What an adversary needed, least first."""
    threat = report.threat
    public = PUBLIC.index(threat.public)
    return threat.chosen > 0, threat.pairs > 0, public, report.attack.name
