"""Runs in order: one row per target, one column per attack, the strongest result in each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ppattack.render.numbers import plain_text
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import rank
from ppattack.reports.run import Report

_WORST_FIRST = ("BROKEN", "INCONCLUSIVE", "NOTHING APPLIED", "RESISTED")


@dataclass(frozen=True)
class Group:
    """Every run on one target, as it was configured, with one kind of images.

    Args:
        label: the target's name, and the settings in which it differs from its namesakes here.
        name: the target's name.
        runs: by attack, the strongest result first.
    """

    label: str
    name: str
    runs: tuple[SavedRun, ...]

    def of(self, attack: str) -> tuple[SavedRun, ...]:
        """The runs of one attack, the strongest first."""
        return tuple(run for run in self.runs if run.report.attack.name == attack)


@dataclass(frozen=True)
class RunTable:
    """The runs of a page, by target and attack.

    Args:
        groups: the rows.
        attacks: the columns.
        labels: of the runs, by their folders: the attack's name, and the settings that tell a
            run from others of that attack on that target.
    """

    groups: tuple[Group, ...]
    attacks: tuple[str, ...]
    labels: dict[str, str]

    def count(self, verdict: str) -> int:
        """How many runs ended in the verdict."""
        return sum(run.report.verdict == verdict for group in self.groups for run in group.runs)

    def label(self, run: SavedRun) -> str:
        """What to call a run within its group."""
        return self.labels[str(run.folder)]


def arrange(runs: Sequence[SavedRun]) -> RunTable:
    """Group the runs.

    Args:
        runs: at least one.
    """
    by_target: dict[str, list[SavedRun]] = {}
    for run in runs:
        by_target.setdefault(json.dumps(target_facts(run.report)), []).append(run)
    facts = [target_facts(members[0].report) for members in by_target.values()]
    groups, run_labels = [], {}
    for label, members in zip(distinguish(facts), by_target.values(), strict=True):
        members.sort(key=lambda run: (run.report.attack.name, strength(run.report)))
        groups.append(Group(label, members[0].report.target.name, tuple(members)))
        names = distinguish([_attack_facts(run.report) for run in members])
        for run, own in zip(members, names, strict=True):
            run_labels[str(run.folder)] = own if names.count(own) == 1 else f"{own} {run.report.id}"
    groups.sort(key=lambda group: group.label)
    attacks = sorted({run.report.attack.name for run in runs})
    return RunTable(tuple(groups), tuple(attacks), run_labels)


def labels(runs: Iterable[SavedRun]) -> dict[str, str]:
    """What to call runs in a list: ``itn on etc`` by folder, with what tells namesakes apart."""
    unique = list({str(run.folder): run for run in runs}.values())
    matrix = arrange(unique)
    return {
        str(run.folder): f"{matrix.label(run)} on {group.label}"
        for group in matrix.groups
        for run in group.runs
    }


def strength(report: Report) -> tuple[int, int, float]:
    """Sorts the result that is worst for the target first."""
    found = report.scores.main_gain()
    leak = rank(report.leak or "nothing")
    return _WORST_FIRST.index(report.verdict), -leak, -(found[1].mean if found else 0.0)


def distinguish(facts: Sequence[dict[str, Any]]) -> list[str]:
    """A label for each: its ``name``, and those facts in which its namesakes differ.

    Args:
        facts: each with a ``name`` and whatever else there is to know, in order of interest.
    """
    found = []
    for own in facts:
        namesakes = [other for other in facts if other["name"] == own["name"]]
        differing = [
            f"{key}={plain_text(value)}"
            for key, value in own.items()
            if any(other.get(key) != value for other in namesakes)
        ]
        found.append(" ".join([own["name"], *([f"({', '.join(differing)})"] * bool(differing))]))
    return found


def pixels(report: Report) -> str:
    """Width and height of the images."""
    return "x".join(str(edge) for edge in report.data.shape[:0:-1])


def target_facts(report: Report) -> dict[str, Any]:
    """What tells one target from another, in order of interest."""
    return {
        "name": report.target.name,
        **report.target.config,
        "key scope": report.threat.key_scope,
        "jpeg": report.threat.jpeg,
        "data": report.data.name,
        "pixels": pixels(report),
    }


def _attack_facts(report: Report) -> dict[str, Any]:
    return {
        "name": report.attack.name,
        **report.attack.config,
        "images": report.data.victims,
        "public images": report.data.adversary,
        "seed": report.provenance.get("seed"),
        "ppattack": report.provenance.get("versions", {}).get("ppattack"),
    }
