"""What changed between two sets of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ppattack.render.matrix import RunTable, arrange
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LeakName
from ppattack.reports.run import Report


@dataclass(frozen=True)
class Change:
    """One experiment in both sets.

    Args:
        target: label of the target.
        attack: label of the run.
        before: verdict in the earlier set, or None if it is new.
        after: verdict now, or None if it is gone.
        leak_before: strongest level in the earlier set; None if its report does not say.
        leak_after: strongest level now, likewise.
        gain_before: mean gain in the earlier set.
        gain_after: mean gain now.
    """

    target: str
    attack: str
    before: str | None
    after: str | None
    leak_before: LeakName | None
    leak_after: LeakName | None
    gain_before: float | None
    gain_after: float | None

    @property
    def kind(self) -> Literal["new", "gone", "verdict", "gain", "same"]:
        """The most important difference."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        leaks = {self.leak_before, self.leak_after} - {None}
        if self.before != self.after or len(leaks) > 1:
            return "verdict"
        return "same" if self.gain_before == self.gain_after else "gain"

    @property
    def difference(self) -> float | None:
        """How much the mean gain rose."""
        if self.gain_before is None or self.gain_after is None:
            return None
        return self.gain_after - self.gain_before


def compare(runs: Sequence[SavedRun], base: Sequence[SavedRun]) -> list[Change]:
    """Every experiment of either set, those whose verdict changed first.

    Two runs are the same experiment if they share the attack, the target, the settings of both, the
    name and numbers of images, and the seed; versions may differ.

    Args:
        runs: the current set.
        base: the earlier set.
    """
    now, then = _by_experiment(runs), _by_experiment(base)
    found = []
    for key in {**now, **then}:
        after, before = now.get(key), then.get(key)
        target, attack = after[:2] if after else before[:2] if before else ("", "")
        found.append(
            Change(
                target,
                attack,
                before[2].verdict if before else None,
                after[2].verdict if after else None,
                before[2].leak if before else None,
                after[2].leak if after else None,
                _gain(before[2]) if before else None,
                _gain(after[2]) if after else None,
            )
        )
    order = ("verdict", "new", "gone", "gain", "same")
    return sorted(found, key=lambda change: (order.index(change.kind), change.target))


def _by_experiment(runs: Sequence[SavedRun]) -> dict[str, tuple[str, str, Report]]:
    matrix: RunTable = arrange(runs)
    return {
        _experiment(run.report): (group.label, matrix.label(run), run.report)
        for group in matrix.groups
        for run in group.runs
    }


def _experiment(report: Report) -> str:
    facts = [
        report.attack.name,
        report.attack.config,
        report.target.name,
        report.target.config,
        report.threat.model_dump(exclude={"words"}),
        report.data.model_dump(exclude={"hash", "notes"}),
        report.provenance.get("seed"),
    ]
    return json.dumps(facts, sort_keys=True)


def _gain(report: Report) -> float | None:
    found = report.scores.main_gain()
    return found[1].mean if found else None
