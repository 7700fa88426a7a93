"""The verdict over all attacks of an audit, and why."""

from __future__ import annotations

from collections.abc import Mapping

from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import WORDS
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report, VerdictName
from ppattack.reports.sweep import NO_RESULT, Outcome, Sweep
from ppattack.sweeps.audited_levels import demands
from ppattack.sweeps.levels import hidden


def decide(
    sweep: Sweep, runs: Mapping[str, SavedRun], probed: ProbeReport | None = None
) -> tuple[VerdictName, str]:
    """The verdict over all attacks, and why.

    Args:
        sweep: one cell per attack.
        runs: the finished ones by attack.
        probed: what the probes said, or None without them.
    """
    outcomes = {cell.attack: cell.outcome for cell in sweep.cells if cell.outcome is not None}
    broke = [run.report for run in runs.values() if run.report.verdict == "BROKEN"]
    if broke:
        broke.sort(key=demands)
        words = "; ".join(map(_breaking, broke))
        words = f"{len(broke)} of {len(runs)} attacks broke it, by least need: {words}."
        left = sum(outcome.state == "left out" for outcome in outcomes.values())
        return "BROKEN", words + (f" {left} others were left out." if left else "")
    tried = {name: one for name, one in outcomes.items() if one.state not in NO_RESULT}
    weakness = "" if probed is None else probed.weakness
    if probed is not None and probed.hides and not weakness and _only_spared(outcomes):
        words = f"no generic attack applies. {hidden(probed).capitalize()}. That is no proof of"
        return "NOTHING APPLIED", f"{words} strength; tried in vain: {', '.join(runs) or 'none'}."
    said = "" if probed is None else f" The probes: {probed.words}."
    if len(tried) == len(runs) and all(run.report.refuted for run in runs.values()):
        words = f"no attack has a model that fits it ({', '.join(runs)})"
        words = words if runs else "no installed attack can be tried on it"
        if weakness:
            return "INCONCLUSIVE", f"{words}, but that is no strength.{said} {weakness}"
        return "NOTHING APPLIED", f"{words}; that is no proof of strength.{said}"
    unresolved = {name: one.reason for name, one in tried.items() if one.verdict != "RESISTED"}
    if unresolved:
        words = " ".join(f"{name}: {reason}" for name, reason in unresolved.items())
        return "INCONCLUSIVE", f"no attack broke it, but {words}{said} {weakness}".rstrip()
    if probed is not None and weakness:
        words = f"no attack broke it, but the probes say what it is: {probed.words}."
        return "INCONCLUSIVE", f"{words} {weakness} That cannot count as resisting."
    wanting = [name for name, one in outcomes.items() if one.wanting]
    if wanting:
        words = "no attack broke it, but some need more than the files that were given"
        return "INCONCLUSIVE", f"{words}, and were not tried: {', '.join(wanting)}."
    names = ", ".join(run.report.attack.name for run in runs.values())
    return "RESISTED", f"all {len(runs)} attacks that apply, whose controls passed: {names}."


def _breaking(report: Report) -> str:
    """An attack that broke the target: its name, what leaked, what it was granted."""
    leak = WORDS[report.leak or "nothing"]
    return f"{report.attack.name} ({leak}; {report.threat.words})"


def _only_spared(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether attacks were left out, and none failed."""
    states = {one.state for one in outcomes.values()}
    return "left out" in states and "failed" not in states
