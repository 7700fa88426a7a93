"""A leaderboard made by hand."""

from __future__ import annotations

from pathlib import Path

from ppattack.reports.found import SavedRun
from ppattack.reports.leaderboard import Leaderboard, leaderboard
from ppattack.reports.run import ThreatPart
from tests.support.saved import report


def several() -> Leaderboard:
    """Three schemes: one broken, one of which identity leaks, one undecided."""
    fewer, pairs = (
        ThreatPart(**{**report().threat.model_dump(), "pairs": number}) for number in (2, 3)
    )
    reports = [
        report("covariance-matching", "le", leak="key", victims=64),
        report("fr", "etc", "RESISTED", gain=0.0),
        report("itn", "etc", "RESISTED", gain=0.0),
        report("known-plaintext", "etc", leak="identity", threat=pairs),
        report("known-plaintext", "etc", "INCONCLUSIVE", gain=0.0, threat=fewer),
        report("fr", "my-cipher", "INCONCLUSIVE", gain=0.0),
    ]
    return leaderboard([SavedRun(Path(f"run-{i}"), each) for i, each in enumerate(reports)])
