"""Probe the target of a request before anything is attacked."""

from __future__ import annotations

import math
from dataclasses import replace

from ppattack.card import KeyScope
from ppattack.config import as_dict
from ppattack.errors import PluginError, PpattackError, kept_running
from ppattack.images import ImageShape
from ppattack.plugins import registry
from ppattack.probes.advice import advice
from ppattack.probes.examination import Examination, examine
from ppattack.probes.kinds import weakness_of
from ppattack.reports.command import command
from ppattack.reports.probe import AdvisedAttack, ProbedProperty, ProbeReport
from ppattack.request import RunRequest, check
from ppattack.scenario import key_scope_of
from ppattack.target import contract
from ppattack.target.base import Target
from ppattack.target.calls import named

LARGEST = 64
"""Pixels along an image that are tried: what a cipher is does not depend on more."""
EDGE = 32
"""Pixels along an image that is probed if the request names no size."""


def probe(request: RunRequest) -> ProbeReport:
    """Find out what kind of cipher a target is, in a second, from some 300 chosen images.

    Args:
        request: target, size, key scope and seed; the rest does not matter.

    Returns:
        its properties, and the attacks that follow from them.

    Raises:
        PluginError: if the target breaks its contract, or is not what its ``structure`` says.
        PpattackError: if anything else in the request is wrong.
        RunFailed: if the target tries to end the program.
    """
    check(request)
    target = registry.target(request.target)(**request.target_settings)
    return probe_target(request, target, None)


def probe_target(request: RunRequest, target: Target, shape: ImageShape | None) -> ProbeReport:
    """The same for images of a known shape, or the part of it that is tried of large images.

    Args:
        request: key scope and seed.
        target: its target.
        shape: ``(C, H, W)``; None for the size that the request names.

    Raises:
        PpattackError: as :func:`probe`.
    """
    if shape is None:
        edge = request.size or EDGE
        shape = max(target.card.channels), edge, edge
    scope = key_scope_of(target, request.key_scope)
    shape = _small_enough(target, shape, scope)
    contract.check(target, shape, scope)
    with kept_running(named(target)):
        found = examine(target, shape, scope, request.seed)
    if found.contradiction is not None:
        raise PluginError(
            f"{named(target)}: structure {found.contradiction}. Mend encrypt, or leave structure "
            "out."
        )
    return ProbeReport(
        target=target.card.name,
        shape=shape,
        key_scope=scope,
        kind=found.kind,
        words=found.words,
        weakness=weakness_of(found.kind),
        hides=found.hides,
        images=found.asked,
        properties=tuple(
            ProbedProperty(**{**vars(each), "facts": dict(each.facts)}) for each in found.findings
        ),
        attacks=_advised(request, found, math.prod(shape)),
    )


def _small_enough(target: Target, shape: ImageShape, scope: KeyScope) -> ImageShape:
    """A size that costs little, unless the scheme takes no such images."""
    small = shape[0], min(shape[1], LARGEST), min(shape[2], LARGEST)
    try:
        contract.check(target, small, scope)
    except PpattackError:
        return shape
    return small


def _advised(request: RunRequest, found: Examination, size: int) -> tuple[AdvisedAttack, ...]:
    """The advice, as far as such attacks are installed."""
    properties = {each.name: each for each in found.findings}
    made = []
    for each in advice(found.kind, properties, size):
        if each.attack not in registry.names("attack"):
            continue
        settings = {name.partition(".")[2]: value for name, value in each.settings.items()}
        asked = replace(request, attack=each.attack, attack_settings=settings)
        line = command(as_dict(asked))
        made.append(
            AdvisedAttack(attack=each.attack, why=each.why, settings=settings, command=line)
        )
    return tuple(made)
