"""The standard test of a target: every attack that applies, and the strongest result of each image.

Whoever tests has nothing to choose: the scheme is probed, then all installed attacks run at one
preset, level by level, the cheapest first; once an attack of a level broke the target, the rest of
the level and all trained attacks are left out. The verdict is BROKEN if any attack broke the
target, RESISTED if all that apply were resisted and passed their controls and the probes found
nothing that pairs would tell, NOTHING APPLIED if no attack has a model of such a scheme or every
ciphertext is noise of its own, and INCONCLUSIVE otherwise. Scores are the worst case over attacks,
image by image: what an owner must expect without knowing which attack will come.

If no key scope is asked for and the scheme has both, both are answered for: first one key for all
images, then, with the attacks that need no answers under the victims' key, a key per image.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.card import KEYS_IN_WORDS, KeyScope
from ppattack.files import write_text
from ppattack.isolation.proxy import isolated_by_default
from ppattack.plugins import registry
from ppattack.reports.audit import AUDIT, FILE, Audit, AuditedAttack, read_audit
from ppattack.reports.found import SavedRun, read_runs
from ppattack.reports.leaks import LeakLevel, LeakName, rank
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import Report, read_report, scores_csv
from ppattack.reports.sweep import Sweep
from ppattack.request import RunRequest, check
from ppattack.runs.inputs import check_target
from ppattack.runs.loaded import loaded_once
from ppattack.runs.probing import probe_target
from ppattack.runs.store import Fill, Finished, Store, identity
from ppattack.scenario import key_scope_of
from ppattack.sweeps.audit_verdict import decide
from ppattack.sweeps.audited_levels import PUBLIC, audited_levels
from ppattack.sweeps.executors import Executor, InThisProcess
from ppattack.sweeps.levels import Levels, cheapest_first
from ppattack.sweeps.sweep import Watcher, run_sweep
from ppattack.sweeps.worst_case import WorstCase, worst_case
from ppattack.target.base import Target

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
    with loaded_once():
        return _audit(base, executor, watcher, isolate, retry_failed=retry_failed, every=every)


def _audit(
    base: RunRequest,
    executor: Executor,
    watcher: Watcher,
    isolate: bool | None,
    *,
    retry_failed: bool,
    every: bool,
) -> Finished[Audit]:
    target, shape = check_target(base)
    bases = [replace(base, key_scope=scope) for scope in _scopes(base, target)]
    probed = [probe_target(each, target, shape) for each in bases]
    undescribed = target.structure().kind == "any"
    requests = [
        replace(
            each,
            attack=attack,
            isolate=isolated_by_default(attack) if isolate is None else isolate,
            attack_settings=_settings(attack, each, said),
        )
        for second, (each, said) in enumerate(zip(bases, probed, strict=True))
        for attack in cheapest_first(registry.attacks(), undescribed=undescribed)
        if not second or not _needs_answers(attack)
    ]
    names = [request.attack for request in requests]
    second = {i for i, request in enumerate(requests) if request.key_scope == "image"}
    both = (second, probed[1]) if len(bases) > 1 else ((), None)
    plan = None if every else Levels(names, probed[0], *both)
    sweep, _ = run_sweep(requests, executor, watcher, retry_failed=retry_failed, plan=plan)
    parts = [_part(sweep, each.key_scope) for each in bases]
    other = merge(parts[1], bases[1], probed[1]) if len(bases) > 1 else None
    return merge(parts[0], bases[0], probed[0], other)


def _scopes(base: RunRequest, target: Target) -> tuple[KeyScope, ...]:
    """The key scopes that are answered for.

    Files of ciphertexts were made in one way, and whoever has them says in which.
    """
    first = key_scope_of(target, base.key_scope)
    several = base.key_scope is None and base.ciphertexts is None and target.draws_keys
    if several and {"dataset", "image"} <= set(target.card.key_scopes):
        return "dataset", "image"
    return (first,)


def _needs_answers(attack: str) -> bool:
    """Whether an attack needs pairs under the victims' key, which tell nothing of other keys."""
    if isolated_by_default(attack):
        return False
    needed = registry.attack(attack).card.requires
    return needed.pairs > 0 or needed.chosen > 0


def _part(sweep: Sweep, scope: KeyScope | None) -> Sweep:
    """The cells of one key scope."""
    cells = tuple(cell for cell in sweep.cells if cell.key_scope == scope)
    return sweep.model_copy(update={"cells": cells})


def _settings(attack: str, base: RunRequest, probed: ProbeReport) -> dict[str, Any]:
    """Those of the request, and as many chosen images as the probes say that the scheme needs.

    Chosen images cost nothing but calls; known pairs would have to be found among the images.
    """
    advised = (one.settings for one in probed.attacks if one.attack == attack == "chosen-plaintext")
    return {**next(advised, {}), **base.attack_settings}


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
