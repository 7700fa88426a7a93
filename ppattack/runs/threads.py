"""How many threads a run computes with.

Many small steps take longer on two threads than on one: a thread that sleeps between steps, so that
it does not take the processor from others, has to be woken for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.attack import Attack, AttackCard
from ppattack.reports.run import Report
from ppattack.request import RunRequest

if TYPE_CHECKING:
    from ppattack.scenario import Scenario

FEW = 1 << 20
"""Numbers in all ciphertexts up to which a run has small steps."""
TRAINED = "trained"
LARGE_STEPS = (TRAINED, "candidates")
"""Levels whose attacks take large steps however few ciphertexts there are."""


def trains(card: AttackCard) -> bool:
    """Whether an attack trains a network, which differs with the number of threads."""
    return card.audit_level == TRAINED


def wanted(request: RunRequest, attack: Attack, scenario: Scenario) -> int | None:
    """Threads for the attack, its controls and the scores; None for those that torch has.

    Args:
        request: the number that it names, if any, holds.
        attack: a network that it trains would differ with the number.
        scenario: holds the ciphertexts.
    """
    if request.threads is not None or attack.card.audit_level in LARGE_STEPS:
        return request.threads
    return 1 if scenario.observation.ciphertexts.numel() <= FEW else None


def changed(request: RunRequest, attack: Attack, found: Report) -> str | None:
    """One line if a finished run was computed with another number of threads than is asked for.

    Args:
        request: what is asked for.
        attack: only if it trains does the number matter to those who name none.
        found: the report of the finished run.
    """
    import torch

    before, now = found.provenance.get("threads"), torch.get_num_threads()
    if before in (None, now) or (request.threads is None and not trains(attack.card)):
        return None
    return (
        f"it was computed with {before} {'thread' if before == 1 else 'threads'}, not {now}: a "
        f"trained network differs with their number (--threads {now} --force runs it again)"
    )
