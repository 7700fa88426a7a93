"""What to call runs in a list of them."""

from __future__ import annotations

from collections.abc import Iterable

from ppattack.render.matrix import arrange
from ppattack.reports.found import SavedRun


def labels(runs: Iterable[SavedRun]) -> dict[str, str]:
    """``itn on etc`` by folder, with the settings that tell a run from its namesakes."""
    unique = list({str(run.folder): run for run in runs}.values())
    matrix = arrange(unique)
    return {
        str(run.folder): f"{matrix.label(run)} on {group.label}"
        for group in matrix.groups
        for run in group.runs
    }
