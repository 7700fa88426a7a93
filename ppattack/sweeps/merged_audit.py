"""The result of an audit: the runs of all its attacks merged, and what lies in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ppattack.card import KEYS_IN_WORDS
from ppattack.files import write_text
from ppattack.plugins import registry
from ppattack.reports.audit import AUDIT, FILE, Audit, AuditedAttack, read_audit
from ppattack.reports.found import SavedRun, read_runs
from ppattack.reports.leaks import LeakLevel, LeakName, rank
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report, read_report, scores_csv
from ppattack.reports.sweep import Sweep
from ppattack.request import RunRequest
from ppattack.runs.store import Fill, Finished, Store, identity
from ppattack.sweeps.audit_verdict import decide
from ppattack.sweeps.audited_levels import PUBLIC, audited_levels
from ppattack.sweeps.worst_case import WorstCase, worst_case

AUDITS = Store(FILE, read_audit)


def merge(
    sweep: Sweep,
    base: RunRequest,
    probed: ProbeReport | None = None,
    per_image: Finished[Audit] | None = None,
) -> Finished[Audit]:
    """The audit of a finished sweep over attacks, written into its folder.

    Args:
        sweep: one cell per attack.
        base: of its requests.
        probed: what the probes said, or None without them.
        per_image: the same target with a key per image, if that was answered too.
    """
    runs = _runs(sweep, base.out)
    found = worst_case(list(runs.values()), base.seed) if runs else None
    verdict, reason = decide(sweep, runs, probed)
    target = registry.target(base.target).card.name
    levels = audited_levels([run.report for run in runs.values()])
    audit = Audit(
        target=target,
        verdict=verdict,
        reason=reason,
        leak=max((one.level for one in levels if one.shown), key=rank, default="nothing"),
        levels=levels,
        probe=probed,
        attacks=tuple(_audited(cell, runs, found) for cell in sweep.cells),
        key_scope=base.key_scope,
        per_image=None if per_image is None else per_image.report,
        per_image_folder=None if per_image is None else per_image.folder.name,
    )
    name = identity({"audit": audit.model_dump(mode="json")})

    def work(_: Path) -> tuple[Audit, Fill]:
        return audit, lambda new: _fill(new, name, audit, list(runs.values()), found, base)

    return AUDITS.make(base.out / f"{AUDIT}-{target}-{name}", work)


def worst_report(folder: Path) -> Report | None:
    """The worst case over the attacks of an audit's folder, in the form of a run's report.

    None if no attack could be run.
    """
    return read_report(folder) if (folder / "report.json").is_file() else None


def _runs(sweep: Sweep, out: Path) -> dict[str, SavedRun]:
    return {
        cell.attack: read_runs([out / cell.outcome.run])[0]
        for cell in sweep.cells
        if cell.outcome is not None and cell.outcome.run is not None
    }


def _audited(cell: Any, runs: Mapping[str, SavedRun], found: WorstCase | None) -> AuditedAttack:
    run = runs.get(cell.attack)
    outcome = cell.outcome
    return AuditedAttack(
        attack=cell.attack,
        state=outcome.state,
        threat=run.report.threat.words if run else None,
        verdict=outcome.verdict,
        leak=outcome.leak,
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
                    "public": max((each.public for each in threats), key=PUBLIC.index),
                    "pairs": max(each.pairs for each in threats),
                    "chosen": max(each.chosen for each in threats),
                    "own_keys": any(each.own_keys for each in threats),
                    "labels": any(each.labels for each in threats),
                    "public_labels": any(each.public_labels for each in threats),
                    "model": any(each.model for each in threats),
                    "words": f"the strongest of {len(runs)} attacks for each image, every one "
                    f"with what it needs; {KEYS_IN_WORDS[first.threat.key_scope]}",
                }
            ),
            "scores": found.scores,
            "absent": found.absent,
            "verdict": audit.verdict,
            "reason": audit.reason,
            "leak": audit.leak,
            "levels": _levels(audit),
            "worst": found.worst,
            "best_state_ssim": None,
            "best_state_gain": None,
            "shifted": None,
            "timing": seconds,
            "provenance": facts,
        }
    )


def _levels(audit: Audit) -> dict[LeakName, LeakLevel]:
    """The levels that were measured, as a run has them."""
    return {
        one.level: LeakLevel(shown=one.shown, words=f"{one.attack}: {one.words}")
        for one in audit.levels
        if one.attack is not None
    }


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
