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

from dataclasses import replace
from typing import Any

from ppattack.card import KeyScope
from ppattack.isolation.proxy import isolated_by_default
from ppattack.plugins import registry
from ppattack.reports.audit import Audit
from ppattack.reports.probe import ProbeReport
from ppattack.reports.sweep import Sweep
from ppattack.request import RunRequest, check
from ppattack.runs.inputs import check_target
from ppattack.runs.loaded import loaded_once
from ppattack.runs.probing import probe_target
from ppattack.runs.store import Finished
from ppattack.scenario import key_scope_of
from ppattack.sweeps.executors import Executor, InThisProcess
from ppattack.sweeps.levels import Levels, cheapest_first
from ppattack.sweeps.merged_audit import merge
from ppattack.sweeps.sweep import Watcher, run_sweep
from ppattack.target.base import Target


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
