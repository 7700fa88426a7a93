"""A run of a second, as requested and as reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ppattack
from ppattack.reports.run import Report
from ppattack.request import RunRequest


def request(out: Path, **changes: object) -> RunRequest:
    """A run of a second: feature reconstruction on PE, few images."""
    base = RunRequest("fr", "pe", victims=12, adversary=24, size=32, out=out, save_images=3)
    return replace(base, **changes)  # type: ignore[arg-type]


def finished_report(folder: Path) -> Report:
    """The report of that run."""
    return ppattack.run(request(folder / "runs")).report
