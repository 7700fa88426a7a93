"""The keys of ciphertexts whose blocks share one: of all together, or of each alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ppattack.context import Progress
from ppattack.solvers.global_state.key_estimate import KeyEstimate, together
from ppattack.solvers.shared_blocks import keys

SURE = (
    "the search for the order of a block's bytes may have ended in a wrong one, which says nothing "
    "of the scheme"
)
"""Why a failure on shared blocks is no resistance, even if separate searches agree."""
UNSURE = "as separate searches disagreed, or blocks are too few to tell all bytes apart"
"""Why a key is unsure."""


def recover(
    ciphertexts: Tensor, learned: Tensor, solver: keys.Solver, progress: Progress, *, one_key: bool
) -> KeyEstimate:
    """The one key of all, learned from some, or the key of each ciphertext alone.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        learned: those that one key is learned from.
        solver: from :func:`ppattack.solvers.shared_blocks.keys.taught`.
        progress: is told of every search.
        one_key: whether they share one key.
    """
    if one_key:
        with progress.task("searches for the order of a block's bytes", solver.rounds) as task:
            key, notes = solver.key(learned, task.update)
        return KeyEstimate(key, notes=notes)
    found: list[Any] = []
    with progress.task("keys", len(ciphertexts)) as task:
        for number in range(len(ciphertexts)):
            share = 1 / (solver.rounds + 1)

            def tick(searches: int, before: int = number, share: float = share) -> None:
                task.update(before + searches * share)

            found.append(solver.key(ciphertexts[number : number + 1], tick))
            task.update(number + 1)
    each = [notes for _, notes in found]
    return KeyEstimate(together([key for key, _ in found]), notes={"each": each})


def limits(estimate: KeyEstimate) -> str:
    """Why a failure says nothing of the scheme, and how many keys are unsure."""
    each = estimate.notes.get("each", [estimate.notes])
    unsure = sum(notes["order"] == "unsure" for notes in each)
    if not unsure:
        return SURE
    return f"unsure of {unsure} of {len(each)} keys, {UNSURE}: {SURE}"
