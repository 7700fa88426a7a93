"""The standard test of a target: every attack that applies, and the strongest result of each image.

Whoever tests has nothing to choose: the scheme is probed, then all installed attacks run at one
preset, level by level, the cheapest first; once an attack of a level broke the target, the rest of
the level and all trained attacks are left out. The verdict is BROKEN if any attack broke the
target, RESISTED if all that apply were resisted and passed their controls and the probes found
nothing that pairs would tell, NOTHING APPLIED if no attack has a model of such a scheme or every
ciphertext is noise of its own, and INCONCLUSIVE otherwise. Scores are the worst case over attacks,
image by image: what an owner must expect without knowing which attack will come.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.files import write_text
from ppattack.isolation.proxy import isolated_by_default
from ppattack.plugins import registry
from ppattack.reports.audit import AUDIT, FILE, Audit, AuditedAttack, read_audit
from ppattack.reports.found import SavedRun, read_runs
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report, VerdictName, read_report, scores_csv
from ppattack.reports.sweep import NO_RESULT, Outcome, Sweep
from ppattack.request import RunRequest, check
from ppattack.runs.inputs import check_target
from ppattack.runs.probing import probe_target
from ppattack.runs.store import Fill, Finished, Store, identity
from ppattack.sweeps.executors import Executor, InThisProcess
from ppattack.sweeps.levels import Levels, cheapest_first, hidden
from ppattack.sweeps.sweep import Watcher, run_sweep
from ppattack.sweeps.worst_case import WorstCase, worst_case

_PUBLIC = ("none", "unpaired", "candidates")


AUDITS = Store(FILE, read_audit)


def audit(
    request: RunRequest,
    *,
    isolate: bool | None = None,
    retry_failed: bool = False,
    every: bool = False,
) -> Finished[Audit]:
    """Probe a target and run the attacks that apply to it, in this process.

    Args:
        request: target, images and preset; its attack is ignored.
        isolate: whether attacks get processes of their own; None for those from outside.
        retry_failed: whether attacks that failed before are tried again.
        every: whether attacks run that are not needed any more for a verdict.

    Returns:
        the verdict over all attacks, and its folder.

    Raises:
        PpattackError: if anything in the request is wrong.
    """
    executor = InThisProcess()
    return run_audit(
        request, executor, _Unwatched(), isolate=isolate, retry_failed=retry_failed, every=every
    )


class _Unwatched:
    """Looks away."""

    def started(self, number: int) -> None:
        """Show nothing."""

    def changed(self, sweep: Sweep) -> None:
        """Show nothing."""


def run_audit(
    base: RunRequest,
    executor: Executor,
    watcher: Watcher,
    *,
    isolate: bool | None = None,
    retry_failed: bool = False,
    every: bool = False,
) -> Finished[Audit]:
    """Probe the target of a request, run attacks on it and merge the results.

    Args:
        base: target, images and preset; its attack is ignored.
        executor: where the attacks run.
        watcher: sees what happens.
        isolate: whether attacks get processes of their own; None for those from outside
            ppattack.
        retry_failed: whether attacks that failed before are tried again.
        every: whether attacks run that are not needed any more for a verdict.

    Raises:
        PluginError: if the target is not what its ``structure`` says.
        PpattackError: if anything else in the request is wrong.
    """
    check(base)
    probed = probe_target(base, *check_target(base))
    requests = [
        replace(
            base,
            attack=attack,
            isolate=isolated_by_default(attack) if isolate is None else isolate,
            attack_settings=_settings(attack, base, probed),
        )
        for attack in cheapest_first(registry.attacks())
    ]
    plan = None if every else Levels([request.attack for request in requests], probed)
    sweep, _ = run_sweep(requests, executor, watcher, retry_failed=retry_failed, plan=plan)
    return merge(sweep, base, probed)


def _settings(attack: str, base: RunRequest, probed: ProbeReport) -> dict[str, Any]:
    """Those of the request, and as many chosen images as the probes say that the scheme needs.

    Chosen images cost nothing but calls; known pairs would have to be found among the images.
    """
    advised = (one.settings for one in probed.attacks if one.attack == attack == "chosen-plaintext")
    return {**next(advised, {}), **base.attack_settings}


def merge(sweep: Sweep, base: RunRequest, probed: ProbeReport | None = None) -> Finished[Audit]:
    """The audit of a finished sweep over attacks, written into its folder.

    Args:
        sweep: one cell per attack.
        base: of its requests.
        probed: what the probes said, or None without them.
    """
    runs = _runs(sweep, base.out)
    found = worst_case(list(runs.values()), base.seed) if runs else None
    verdict, reason = decide(sweep, runs, probed)
    target = registry.target(base.target).card.name
    audit = Audit(
        target=target,
        verdict=verdict,
        reason=reason,
        probe=probed,
        attacks=tuple(_audited(cell, runs, found) for cell in sweep.cells),
    )
    name = identity({"audit": audit.model_dump(mode="json")})

    def work(_: Path) -> tuple[Audit, Fill]:
        return audit, lambda new: _fill(new, name, audit, list(runs.values()), found, base)

    return AUDITS.make(base.out / f"{AUDIT}-{target}-{name}", work)


def worst_report(done: Finished[Audit]) -> Report | None:
    """The worst case over the attacks, in the form of a run's report; None if none could be run."""
    return read_report(done.folder) if (done.folder / "report.json").is_file() else None


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
        broke.sort(key=_demands)
        words = "; ".join(f"{each.attack.name} ({each.threat.words})" for each in broke)
        words = f"{len(broke)} of {len(runs)} attacks broke it, by least need: {words}."
        left = sum(outcome.state == "left out" for outcome in outcomes.values())
        return "BROKEN", words + (f" {left} others were left out." if left else "")
    tried = {name: one for name, one in outcomes.items() if one.state not in NO_RESULT}
    if probed is not None and probed.hides and _only_spared(outcomes):
        words = f"no generic attack applies. {hidden(probed).capitalize()}. That is no proof of"
        return "NOTHING APPLIED", f"{words} strength; tried in vain: {', '.join(runs) or 'none'}."
    said = "" if probed is None else f" The probes: {probed.words}."
    if len(tried) == len(runs) and all(run.report.refuted for run in runs.values()):
        words = f"no attack has a model that fits it ({', '.join(runs)})"
        words = words if runs else "no installed attack can be tried on it"
        return "NOTHING APPLIED", f"{words}; that is no proof of strength.{said}"
    unresolved = {name: one.reason for name, one in tried.items() if one.verdict != "RESISTED"}
    if unresolved:
        words = " ".join(f"{name}: {reason}" for name, reason in unresolved.items())
        return "INCONCLUSIVE", f"no attack broke it, but {words}{said}"
    if probed is not None and probed.weakness:
        words = f"no attack broke it, but the probes say what it is: {probed.words}."
        return "INCONCLUSIVE", f"{words} {probed.weakness} That cannot count as resisting."
    names = ", ".join(run.report.attack.name for run in runs.values())
    return "RESISTED", f"all {len(runs)} attacks that apply, whose controls passed: {names}."


def _only_spared(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether attacks were left out, and none failed."""
    states = {one.state for one in outcomes.values()}
    return "left out" in states and "failed" not in states


def _runs(sweep: Sweep, out: Path) -> dict[str, SavedRun]:
    return {
        cell.attack: read_runs([out / cell.outcome.run])[0]
        for cell in sweep.cells
        if cell.outcome is not None and cell.outcome.run is not None
    }


def _demands(report: Report) -> tuple[bool, bool, int, str]:
    """What an adversary needed, least first."""
    threat = report.threat
    public = _PUBLIC.index(threat.public)
    return threat.chosen > 0, threat.pairs > 0, public, report.attack.name


def _audited(cell: Any, runs: Mapping[str, SavedRun], found: WorstCase | None) -> AuditedAttack:
    run = runs.get(cell.attack)
    outcome = cell.outcome
    return AuditedAttack(
        attack=cell.attack,
        state=outcome.state,
        threat=run.report.threat.words if run else None,
        verdict=outcome.verdict,
        metric=outcome.metric,
        gain=outcome.gain,
        strongest_on=found.kept.count(run) if run and found else 0,
        run=outcome.run,
        reason=outcome.reason,
    )


def _report(
    identity: str, audit: Audit, runs: list[SavedRun], found: WorstCase, base: RunRequest
) -> Report:
    """All runs as one, in the schema of a run."""
    first = found.strongest.report
    threats = [run.report.threat for run in runs]
    seconds: dict[str, float] = {}
    for run in runs:
        for stage, spent in run.report.timing.items():
            seconds[stage] = round(seconds.get(stage, 0.0) + spent, 4)
    facts = {name: value for name, value in first.provenance.items() if name != "request"}
    each = {one.attack: one.model_dump(exclude={"attack"}) for one in audit.attacks}
    return first.model_copy(
        update={
            "id": identity,
            "attack": first.attack.model_copy(
                update={"name": AUDIT, "config": {"preset": base.preset}, "notes": each}
            ),
            "threat": first.threat.model_copy(
                update={
                    "public": max((each.public for each in threats), key=_PUBLIC.index),
                    "pairs": max(each.pairs for each in threats),
                    "chosen": max(each.chosen for each in threats),
                    "own_keys": any(each.own_keys for each in threats),
                    "labels": any(each.labels for each in threats),
                    "words": f"the strongest of {len(runs)} attacks for each image, every one "
                    "with what it needs",
                }
            ),
            "scores": found.scores,
            "absent": found.absent,
            "verdict": audit.verdict,
            "reason": audit.reason,
            "worst": found.worst,
            "best_state_ssim": None,
            "timing": seconds,
            "provenance": facts,
        }
    )


def _fill(
    folder: Path,
    name: str,
    audit: Audit,
    runs: list[SavedRun],
    found: WorstCase | None,
    base: RunRequest,
) -> None:
    """Write what lies beside the audit into a new folder."""
    if found is not None:
        write_text(folder / "report.json", _report(name, audit, runs, found, base).to_json())
        _write_images(folder, found)


def _write_images(folder: Path, found: WorstCase) -> None:
    """Scores and reconstructions, each from the attack that did best on its image; its samples."""
    if found.columns:
        columns = {name: column.tolist() for name, column in found.columns.items()}
        write_text(folder / "scores.csv", scores_csv(found.names, columns))
    for name, run in zip(found.names, found.kept, strict=True):
        picture = run.folder / "reconstructions" / f"{Path(name).stem}.png"
        if picture.is_file():
            (folder / "reconstructions").mkdir(exist_ok=True)
            shutil.copyfile(picture, folder / "reconstructions" / picture.name)
    for name in ("samples.png", "samples"):
        shown = found.strongest.folder / name
        if shown.is_dir():
            shutil.copytree(shown, folder / name)
        elif shown.is_file():
            shutil.copyfile(shown, folder / name)
