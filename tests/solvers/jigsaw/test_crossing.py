"""Results of a puzzle are crossed: what two of them share is held together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.block_states import Arrangement, States, states
from ppattack.solvers.jigsaw import assembly
from ppattack.solvers.jigsaw.refinement import seam_entries, total
from ppattack.solvers.jigsaw.solve import solve

MOVES = states(colours=False, turns=False, flips=False, negatives=False)
ALL = states(colours=True, turns=True, flips=True, negatives=True)


def _random(group: States, rng: np.random.Generator) -> Arrangement:
    return Arrangement(rng.permutation(12).reshape(3, 4), rng.integers(0, group.count, (3, 4)))


@pytest.mark.parametrize("group", [MOVES, ALL])
def test_every_seam_is_seen_from_both_sides(group: States) -> None:
    rng = np.random.default_rng(0)
    found = _random(group, rng)
    marked = np.zeros((4, 12, group.count, 12), np.float32)
    for entries in seam_entries(found, group):
        marked[entries] += 1
    assert marked.sum() == 2 * (3 * 3 + 2 * 4)
    assert total(found, marked, group) == 3 * 3 + 2 * 4
    side, first, state, second = marked.nonzero()
    back = group.inverse[state]
    assert marked[group.side[back, (side + 2) % 4], second, back, first].all()


def test_only_seams_that_both_parents_have_become_likely() -> None:
    one = Arrangement(np.arange(12).reshape(3, 4), np.zeros((3, 4), np.intp))
    grid = one.grid.copy()
    grid[0, 0], grid[2, 3] = grid[2, 3], grid[0, 0]
    other = Arrangement(grid, one.state)
    results = [assembly._Result(cost, found, 1, 0) for cost, found in ((1.0, one), (2.0, other))]
    table = np.full((4, 12, 1, 12), 2.0, np.float32)
    guide = assembly._crossed(results, table, MOVES, 3.0, np.random.default_rng(0))
    assert (table == 2).all()
    assert isinstance(guide, np.ndarray)
    changed = (guide != table).astype(np.float32)
    assert changed.sum() == 2 * (17 - 4)  # two corners are not where they were
    assert total(one, changed, MOVES) == total(other, changed, MOVES) == 17 - 4
    assert np.unique(guide).tolist() == [1.5 - assembly.TRUST, 2.0]


def test_the_search_ends_when_enough_attempts_agree() -> None:
    found = _random(MOVES, np.random.default_rng(0))
    costs = [5.0, 4.0, 4.0]
    results = [assembly._Result(cost, found, 1, 0) for cost in costs]
    assert not assembly._agreed(results)
    assert assembly._agreed([*results, results[-1]])


def test_no_more_attempts_are_made_than_are_allowed() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (16, 3, 8, 8), np.uint8))
    for attempts in (1, 4):
        solved = solve(
            noise, 4, 4, turns=False, flips=False, negatives=False, rounds=1, attempts=attempts
        )
        assert solved.notes["attempts"] == attempts


def test_a_large_puzzle_is_put_together_once_unless_more_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assembly, "ENTRIES_OF_ALL_STARTS", 1)
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), np.uint8))
    costs = []
    for asked, made in ((0, 1), (3, 3)):
        solved = solve(noise, 3, 3, colours=False, rounds=1, attempts=asked)
        assert solved.notes["attempts"] == made
        costs.append(solved.notes["surprise"])
    assert costs[1] <= costs[0]
