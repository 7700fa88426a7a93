"""``leaderboard.json``: the strongest result of each adversary, beside what was published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from ppattack.card import KEYS_IN_WORDS, KeyScope
from ppattack.errors import PpattackError
from ppattack.plugins.registry import NO_ATTACK
from ppattack.reports.audit import AUDIT, Audit
from ppattack.reports.command import command
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LeakName, rank
from ppattack.reports.parts import Part, VersionedReport, read_versioned
from ppattack.reports.robustness import BOXES
from ppattack.reports.run import Report, ThreatPart, VerdictName

SCHEMA_VERSION = "1.0"
FILE = "leaderboard.json"
Adversary = Literal["ciphertexts", "candidates", "pairs", "chosen", "model"]
ADVERSARIES: tuple[Adversary, ...] = get_args(Adversary)
HEADINGS: Mapping[Adversary, str] = {
    "ciphertexts": "ciphertexts only",
    "candidates": "candidate images",
    "pairs": "known pairs",
    "chosen": "chosen plaintexts",
    "model": "transformed model",
}
"""What the adversary has beside ciphertexts, the least first."""
ROBUSTNESS = "arXiv:2204.07707, Fig. 8"


class BoardCell(Part):
    """The strongest result of one adversary on one scheme.

    Args:
        verdict: of the run.
        leak: the strongest level that was shown; None for a report from before there were levels.
        attack: its name.
        ciphertexts: given to the attack in the run with the fewest that shows as much.
        answers: known pairs or chosen plaintexts that it was given.
        too_few: the most answers (ciphertexts, if it was given no answers) below that with which
            the same attack showed less; None if it was not tried with fewer, which may be enough.
        metric: that the verdict rests on, if it rests on one.
        gain: mean gain in it over the best blind baseline.
        images: the source and size of the images.
        attacks: every attack that was tried with no more.
        reason: of the verdict.
        command: that repeats the run.
        version: of ppattack, with the commit if it is known.
    """

    verdict: VerdictName
    leak: LeakName | None
    attack: str
    ciphertexts: int
    answers: int
    too_few: int | None = None
    metric: str | None
    gain: float | None
    images: str
    attacks: tuple[str, ...]
    reason: str
    command: str
    version: str


class BoardRow(Part):
    """One scheme, as it was configured, under one key scope.

    Args:
        scheme: name of the target.
        settings: its configuration.
        key_scope: ``dataset`` or ``image``.
        jpeg: how ciphertexts were compressed, or None.
        title: of its card; empty if the target is not installed.
        source: where it was published.
        claim: what was published of its strength, with the place; empty if nothing is on record.
        cells: by adversary.
        without: why there are no cells, in the words of an audit; empty if there are some.
        verdict: of that audit; None if there are cells.
    """

    scheme: str
    settings: dict[str, Any]
    key_scope: KeyScope
    jpeg: str | None
    title: str
    source: str
    claim: str
    cells: dict[Adversary, BoardCell]
    without: str = ""
    verdict: VerdictName | None = None

    @property
    def keys(self) -> str:
        """The key scope in words."""
        return KEYS_IN_WORDS[self.key_scope]


class Leaderboard(VersionedReport):
    """Schemes, each with the strongest result of every adversary."""

    schema_version: str = SCHEMA_VERSION
    rows: tuple[BoardRow, ...]


def read_leaderboard(path: Path) -> Leaderboard:
    """Read ``leaderboard.json``, or the folder that holds it.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    return read_versioned(path, FILE, Leaderboard, "a ppattack leaderboard")


def leaderboard(runs: Sequence[SavedRun], audits: Sequence[Audit] = ()) -> Leaderboard:
    """The strongest result of every adversary on every scheme.

    Args:
        runs: attacks and audits; an audit beside whose report its runs lie adds nothing. A run
            without an attack is left out, and one on files of somebody else, of which nobody knows
            for sure what made them.
        audits: verdicts, of which those count that no run speaks of: no attack has a result.
    """
    by_row: dict[str, list[Report]] = {}
    for run in runs:
        theirs = run.report.provenance.get("request", {}).get("ciphertexts")
        if run.report.attack.name != NO_ATTACK and not theirs:
            by_row.setdefault(_facts(run.report), []).append(run.report)
    rows = [_row(reports) for reports in by_row.values()]
    known = {(row.scheme, row.key_scope) for row in rows}
    for audit in audits:
        scope = audit.key_scope or "dataset"
        if not any(one.run for one in audit.attacks) and (audit.target, scope) not in known:
            known.add((audit.target, scope))
            rows.append(_bare(audit, scope))
    rows.sort(key=lambda row: (row.scheme, json.dumps(row.settings), row.key_scope))
    return Leaderboard(rows=tuple(rows))


def _facts(report: Report) -> str:
    """What makes a row: scheme, settings, key scope, compression."""
    target, threat = report.target, report.threat
    return json.dumps([target.name, target.config, threat.key_scope, threat.jpeg], sort_keys=True)


def _row(reports: Sequence[Report]) -> BoardRow:
    first = reports[0]
    single = [report for report in reports if report.attack.name != AUDIT]
    by_adversary: dict[Adversary, list[Report]] = {}
    for report in single or reports:
        by_adversary.setdefault(adversary_of(report.threat), []).append(report)
    title, source = _card(first.target.name)
    return BoardRow(
        scheme=first.target.name,
        settings=first.target.config,
        key_scope=first.threat.key_scope,
        jpeg=first.threat.jpeg,
        title=title,
        source=source,
        claim=claim(first),
        cells={name: _cell(by_adversary[name]) for name in ADVERSARIES if name in by_adversary},
    )


def _bare(audit: Audit, scope: KeyScope) -> BoardRow:
    """A scheme of which no attack has a result."""
    title, source = _card(audit.target)
    return BoardRow(
        scheme=audit.target,
        settings={},
        key_scope=scope,
        jpeg=None,
        title=title,
        source=source,
        claim="",
        cells={},
        without=audit.reason,
        verdict=audit.verdict,
    )


def adversary_of(threat: ThreatPart) -> Adversary:
    """The adversary of a run, by the strongest thing that it has."""
    if threat.model:
        return "model"
    if threat.chosen:
        return "chosen"
    if threat.pairs:
        return "pairs"
    return "candidates" if threat.public == "candidates" else "ciphertexts"


def _cell(reports: Sequence[Report]) -> BoardCell:
    """The strongest of some runs; of equally strong ones that with the fewest ciphertexts."""
    best = min(reports, key=_order)
    gain = best.scores.main_gain()
    size = "x".join(str(edge) for edge in best.data.shape[:0:-1])
    request = best.provenance.get("request")
    return BoardCell(
        verdict=best.verdict,
        leak=best.leak,
        attack=best.attack.name,
        ciphertexts=best.data.victims,
        answers=_answers(best),
        too_few=_too_few(best, reports) if best.verdict == "BROKEN" else None,
        metric=gain[0] if gain else None,
        gain=round(gain[1].mean, 4) if gain else None,
        images=f"{best.data.name}, {size} pixels",
        attacks=tuple(sorted({report.attack.name for report in reports})),
        reason=best.reason,
        command=command(request) if isinstance(request, dict) else "",
        version=_version(best.provenance),
    )


def _answers(report: Report) -> int:
    return report.threat.pairs or report.threat.chosen


def _too_few(best: Report, reports: Sequence[Report]) -> int | None:
    """The most that the same attack was given on the same images in runs with less than the best.

    As the best has the fewest of the runs that show as much, those with less show less.
    """
    given = _answers if _answers(best) else lambda report: report.data.victims
    fewer = [
        given(report)
        for report in reports
        if given(report) < given(best)
        and (report.attack.name, report.data.name, report.data.shape)
        == (best.attack.name, best.data.name, best.data.shape)
    ]
    return max(fewer, default=None)


def _order(report: Report) -> tuple[int, int, int, int, float]:
    """Sorts the strongest first: broken, the level, then the fewest answers and ciphertexts."""
    broken = report.verdict == "BROKEN"
    gain = report.scores.main_gain()
    undecided = report.verdict != "RESISTED"
    few = (_answers(report), report.data.victims) if broken else (0, 0)
    order = 0 if broken else 1 if undecided else 2
    return (order, -rank(report.leak or "nothing"), *few, -(gain[1].mean if gain else 0.0))


def _version(provenance: Mapping[str, Any]) -> str:
    version = str((provenance.get("versions") or {}).get("ppattack", ""))
    commit = str(provenance.get("git_commit") or "")
    return f"{version} ({commit[:8]})" if commit else version


def _card(name: str) -> tuple[str, str]:
    """Title and source of a registered target; empty for one that is not there."""
    from ppattack.plugins import registry

    if name not in registry.names("target"):
        return "", ""
    try:
        card = registry.target(name).card
    except PpattackError:
        return "", ""
    return card.title, str(card.reference)


def claim(report: Report) -> str:
    """What was published of a scheme's strength, as far as it is on record here.

    The key space, counted as in the paper, for the images of this report; and, of the schemes of
    the published robustness evaluation, its medians.
    """
    bits, name = report.target.key_space_bits, report.target.name
    said = []
    if bits is not None:
        said.append("no key" if bits == 0 else f"2^{bits:,.0f} keys")
    medians = [
        f"{attack} {BOXES[attack, name].median:.3f}"
        for attack in ("fr", "gan", "itn")
        if (attack, name) in BOXES
    ]
    if medians and report.threat.key_scope == "dataset":
        said.append(f"median SSIM of attacks: {', '.join(medians)} ({ROBUSTNESS})")
    return "; ".join(said)
