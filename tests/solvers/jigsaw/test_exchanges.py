"""Rectangles of pieces that stand side by side in the wrong order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.block_states import Arrangement, states
from ppattack.solvers.jigsaw.exchanges import exchanged
from ppattack.solvers.jigsaw.refinement import seam_entries, total

PLAIN = states(colours=False, turns=False, flips=False, negatives=False)
TURNED = states(colours=False, turns=True, flips=False, negatives=False)


def puzzle(rows: int, columns: int, seed: int) -> tuple[Arrangement, np.ndarray]:
    """An arrangement in any states, and a table in which its seams are free."""
    rng = np.random.default_rng(seed)
    count = rows * columns
    truth = Arrangement(
        rng.permutation(count).reshape(rows, columns),
        rng.integers(0, TURNED.count, (rows, columns)),
    )
    table = rng.uniform(5, 9, (4, count, TURNED.count, count)).astype(np.float32)
    for entries in seam_entries(truth, TURNED):
        table[entries] = 0.0
    return truth, table


@pytest.mark.parametrize("down", [False, True])
def test_two_halves_of_a_strip_change_places(down: bool) -> None:
    truth, table = puzzle(7, 8, 0)
    grid, state = truth.grid.copy(), truth.state.copy()
    for part in (grid, state):
        if down:
            part[2:7, 1:4] = np.roll(part[2:7, 1:4], 2, 0)
        else:
            part[1:3, 2:8] = np.roll(part[1:3, 2:8], 2, 1)
    wrong = Arrangement(grid, state)
    assert total(wrong, table, TURNED) > 20
    found = exchanged(wrong, table, TURNED)
    assert total(found, table, TURNED) == 0
    assert np.array_equal(found.grid, truth.grid)
    assert np.array_equal(found.state, truth.state)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_the_total_never_rises_and_no_piece_is_lost(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = rows * columns
    table = rng.uniform(0, 9, (4, count, 1, count)).astype(np.float32)
    grid = rng.permutation(count).reshape(rows, columns)
    start = Arrangement(grid, np.zeros_like(grid))
    found = exchanged(start, table, PLAIN)
    assert sorted(found.grid.reshape(-1)) == list(range(count))
    assert total(found, table, PLAIN) <= total(start, table, PLAIN) + 1e-4
    again = exchanged(found, table, PLAIN)
    assert total(again, table, PLAIN) <= total(found, table, PLAIN) + 1e-4
