"""Score recovered keys: symbol by symbol, and as puzzles if whole blocks were moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ppattack.evaluation.absent import Absent
from ppattack.evaluation.statistics import summarise
from ppattack.permxor import PermXor
from ppattack.reports.scores import KeyScores, PuzzleScores
from ppattack.target.pixel import PermXorTarget

if TYPE_CHECKING:
    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario
    from ppattack.target.base import Target


def key_scores(recovery: Recovery, scenario: Scenario, target: Target) -> KeyScores | Absent:
    """How much of the key, or of the key of each image, was recovered; or why none is scored."""
    from ppattack.metrics.keys import high_nibble_agreement, key_agreement

    reason = _incomparable(recovery, scenario, target)
    if reason:
        return Absent(reason)
    rows = []
    for found, true in _pairs(recovery, scenario, target):
        whole, high = key_agreement(found, true), high_nibble_agreement(found, true)
        rows.append([whole.index, whole.mask, high.index, high.mask])
    agreement = np.array(rows)
    index, mask, high_index, high_mask = agreement.mean(axis=0).tolist()
    value = agreement[:, :2].mean(axis=1)
    return KeyScores(
        index=index,
        mask=mask,
        high_index=high_index,
        high_mask=high_mask,
        better="higher",
        reconstruction=summarise({"reconstruction": value}, 0)["reconstruction"],
        ciphertext=None,
        baseline=None,
        baseline_name=None,
        gain=None,
    )


def puzzle_scores(
    recovery: Recovery, scenario: Scenario, target: Target, seed: int
) -> PuzzleScores | Absent:
    """How many blocks the recovered key puts together; or why that is not scored."""
    reason = _incomparable(recovery, scenario, target) or _no_puzzle(recovery, target)
    if reason:
        return Absent(reason)
    from ppattack.block_states import states
    from ppattack.metrics import puzzle

    structure = target.structure()
    shape = target.padded_shape(scenario.observation.image_shape)
    group = states(colours=structure.colours and shape[0] == 3)
    parts = []
    for found, true in _pairs(recovery, scenario, target):
        assembled = puzzle.from_keys(found, true, shape, structure.block_size, group)
        parts.append(asdict(puzzle.scores(assembled, group)))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PuzzleScores(
        **{name: float(values.mean()) for name, values in columns.items()},
        better="higher",
        reconstruction=summarise({"neighbour": columns["neighbour"]}, seed)["neighbour"],
        ciphertext=None,
        baseline=None,
        baseline_name=None,
        gain=None,
    )


def _incomparable(recovery: Recovery, scenario: Scenario, target: Target) -> str | None:
    true = scenario.truth.key
    if recovery.key is None:
        return "the attack recovers no key"
    if true is None:
        return "the victims' key is not known"
    if not isinstance(target, PermXorTarget):
        return "the victims' key is not a permutation with a mask"
    if true.count is not None and recovery.key.count is None:
        return "the attack recovers one key, and every image has its own"
    return None


def _no_puzzle(recovery: Recovery, target: Target) -> str | None:
    structure = target.structure()
    if structure.kind != "blocks-dihedral":
        return "the scheme does not move whole blocks"
    if structure.lossy:
        return "the scheme loses symbols, so that its blocks cannot be told apart"
    if recovery.key is not None and recovery.key.unit != "byte":
        return "the recovered key moves nibbles, not blocks"
    if recovery.key is not None and not recovery.key.is_bijective:
        return "the recovered key uses some symbols twice"
    return None


def _pairs(
    recovery: Recovery, scenario: Scenario, target: Target
) -> Iterator[tuple[PermXor, PermXor]]:
    """Recovered and true key: one pair, or one per image if either differs by image."""
    found, true = recovery.key, scenario.truth.key
    if found is None or true is None or not isinstance(target, PermXorTarget):
        return
    if found.count is None:
        yield found, target.permxor(true)
        return
    for i in range(found.count):
        ours = PermXor(found.index[i], found.mask[i], found.unit)
        yield ours, target.permxor(true.rows(slice(i, i + 1)))
