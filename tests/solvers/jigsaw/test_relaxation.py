"""Arrangements are improved by annealing what every place may hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppattack.block_states import Arrangement, Indices, states
from ppattack.solvers.jigsaw import assembly
from ppattack.solvers.jigsaw.exchanges import exchanged
from ppattack.solvers.jigsaw.refinement import reassign, slid, total
from ppattack.solvers.jigsaw.relaxation import aligned, relaxed
from ppattack.solvers.jigsaw.seam_table import indifference

MOVES = states(colours=False, turns=False, flips=False, negatives=False)
EDGE = 10


def _puzzle(doubt: float, seed: int = 0) -> tuple[Indices, np.ndarray]:
    """The true grid, and a table in which so many of its seams surprise like any other."""
    rng = np.random.default_rng(seed)
    grid = rng.permutation(EDGE * EDGE).reshape(EDGE, EDGE)
    table = rng.normal(9, 1, (4, EDGE * EDGE, 1, EDGE * EDGE)).astype(np.float32)
    for side, before, after in ((0, grid[:, :-1], grid[:, 1:]), (1, grid[:-1], grid[1:])):
        told = rng.random(before.shape) >= doubt
        value = np.where(told, rng.uniform(0, 3, before.shape), 9).astype(np.float32)
        table[side, before, 0, after] = value
    table[2, :, 0], table[3, :, 0] = table[0, :, 0].T, table[1, :, 0].T
    table[:, np.arange(EDGE**2), 0, np.arange(EDGE**2)] = np.inf
    return grid, table


def _still(grid: Indices) -> Arrangement:
    return Arrangement(grid, np.zeros_like(grid))


def _relaxed(starts: list[Indices], table: np.ndarray) -> Arrangement:
    return slid(_still(relaxed(starts, table[0, :, 0], table[1, :, 0])), table, MOVES)


def test_a_part_that_slid_and_strays_are_put_right_at_once() -> None:
    grid, table = _puzzle(0.1)
    rng = np.random.default_rng(1)
    start = grid.copy()
    start[2:6, 3:8] = np.roll(start[2:6, 3:8], (1, 1), (0, 1))
    strays = rng.choice(EDGE * EDGE, 30, replace=False)
    start.reshape(-1)[strays] = start.reshape(-1)[rng.permutation(strays)]
    found = _relaxed([start], table)
    assert (aligned(grid, found.grid) == grid).all()
    for stuck in (
        exchanged(_still(start), table, MOVES),
        reassign(_still(start), table, MOVES, rng, 1),
    ):
        assert total(stuck, table, MOVES) > total(found, table, MOVES) + 10


def test_the_mean_of_two_results_gives_what_neither_has() -> None:
    grid, table = _puzzle(0.1)
    rng = np.random.default_rng(2)
    first, second = grid.copy(), np.roll(grid, (3, 4), (0, 1))
    first[:4], second[5:] = (
        rng.permutation(part.reshape(-1)).reshape(part.shape) for part in (first[:4], second[5:])
    )
    found = _relaxed([first, aligned(first, second)], table)
    assert (aligned(grid, found.grid) == grid).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(0, 3))
def test_what_only_slid_is_slid_back(seed: int, down: int, along: int) -> None:
    grid = np.random.default_rng(seed).permutation(24).reshape(6, 4)
    assert (aligned(grid, np.roll(grid, (down, along), (0, 1))) == grid).all()


@pytest.mark.parametrize("shape", [(1, 7), (2, 2), (5, 3)])
def test_every_piece_is_used_once(shape: tuple[int, int]) -> None:
    count = shape[0] * shape[1]
    rng = np.random.default_rng(0)
    right, below = rng.gamma(2, 2, (2, count, count))
    right[0, 1:] = np.inf
    found = relaxed([rng.permutation(count).reshape(shape)], right, below)
    assert found.shape == shape
    assert np.array_equal(np.sort(found, None), np.arange(count))


def test_the_assembly_takes_what_annealing_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    grid, table = _puzzle(0.4)
    truth = total(_still(grid), table, MOVES)
    asked: list[int] = []

    def found(starts: list[Indices], right: np.ndarray, below: np.ndarray) -> Indices:
        asked.append(len(starts))
        assert np.array_equal(right, table[0, :, 0])
        assert np.array_equal(below, table[1, :, 0])
        return np.roll(grid, 3, 1) if len(starts) > 1 else starts[0]

    monkeypatch.setattr(assembly, "relaxed", found)
    monkeypatch.setattr(assembly, "MOST_STARTS", 2)
    monkeypatch.setattr(assembly, "MOST_CROSSINGS", 2)
    best, notes = assembly.assemble(
        table,
        EDGE,
        EDGE,
        MOVES,
        indifference(table),
        np.random.default_rng(0),
        rounds=3,
        patience=3,
    )
    assert asked == [1, 1, 1, 2]
    assert notes["attempts"] == 4
    assert total(best, table, MOVES) <= truth
