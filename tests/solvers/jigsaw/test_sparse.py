"""Seams of likely neighbours only: the same numbers as the whole table, and the same pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ppattack.block_states import Arrangement, Indices, States, states
from ppattack.solvers.jigsaw.candidates import best_joins
from ppattack.solvers.jigsaw.clusters import Placement
from ppattack.solvers.jigsaw.compatibility import MEASURES
from ppattack.solvers.jigsaw.growth import grow
from ppattack.solvers.jigsaw.nearby import nearest
from ppattack.solvers.jigsaw.refinement import seam_values, slid, total
from ppattack.solvers.jigsaw.seam_table import indifference, log_costs, surprise
from ppattack.solvers.jigsaw.sparse_table import SparseTable, sparse_log_costs, sparse_surprise
from ppattack.solvers.jigsaw.surroundings import Surroundings
from tests.support.natural import natural_images
from tests.support.puzzles import scrambled

pytestmark = pytest.mark.long

GROUPS = st.builds(
    states,
    colours=st.booleans(),
    turns=st.booleans(),
    flips=st.booleans(),
    negatives=st.booleans(),
)
SHARPNESS = 24.0


def all_others(count: int, rng: np.random.Generator) -> Indices:
    return np.stack([rng.permutation(np.delete(np.arange(count), i)) for i in range(count)])


def both_tables(
    group: States, seed: int, measure: str = "regularised-mgc"
) -> tuple[NDArray[np.float32], SparseTable]:
    """The whole table of 12 pieces, and one that lists all of them."""
    rng = np.random.default_rng(seed)
    pieces = torch.from_numpy(rng.integers(0, 256, (2, 12, 3, 4, 4), dtype=np.uint8))
    near = all_others(12, rng)
    whole = surprise(log_costs(pieces, group, MEASURES[measure]), group, SHARPNESS)
    listed = sparse_log_costs(pieces, near, group, MEASURES[measure])
    return whole.numpy(), sparse_surprise(listed, near, group, SHARPNESS)


@pytest.mark.parametrize("measure", MEASURES)
@settings(deadline=None, max_examples=8)
@given(group=GROUPS, seed=st.integers(0, 99))
def test_listed_seams_are_those_of_the_whole_table(measure: str, group: States, seed: int) -> None:
    whole, listed = both_tables(group, seed, measure)
    assert listed.shape == whole.shape
    index = np.indices(whole.shape).reshape(4, -1)
    index = index[:, index[1] != index[3]]
    assert np.allclose(listed[tuple(index)], whole[tuple(index)], atol=1e-3)
    ours, theirs = best_joins(listed, 5), best_joins(whole, 5)
    assert np.allclose(ours.value, theirs.value, atol=1e-3)


def test_a_seam_that_one_piece_does_not_list_is_looked_up_from_the_other() -> None:
    group = states(colours=False)
    value = np.arange(4 * 3 * group.count, dtype=np.float32).reshape(4, 3, group.count, 1)
    table = SparseTable(np.array([[1], [2], [1]]), value, 99.0, group)
    for side in range(4):
        for state in range(group.count):
            back = int(group.inverse[state])
            met = int(group.side[back, (side + 2) % 4])
            assert table[side, 1, state, 0] == value[met, 0, back, 0]
            assert table[side, 0, state, 2] == 99.0


def arrangement(group: States, rng: np.random.Generator) -> Arrangement:
    state = rng.integers(0, group.count, (3, 4))
    return Arrangement(rng.permutation(12).reshape(3, 4), state)


@settings(deadline=None, max_examples=8)
@given(group=GROUPS, seed=st.integers(0, 99))
def test_growth_and_surroundings_agree_with_the_whole_table(group: States, seed: int) -> None:
    whole, listed = both_tables(group, seed)
    rng = np.random.default_rng(seed)
    found = arrangement(group, rng)
    assert total(found, listed, group) == pytest.approx(total(found, whole, group), rel=1e-4)
    ours, theirs = (Surroundings(table, group).least(found) for table in (listed, whole))
    beside = np.isfinite(theirs)  # a piece is no neighbour of itself
    assert np.allclose(ours[beside], theirs[beside], atol=1e-2)
    part = Placement(found.grid[:1, :2], found.state[:1, :2])
    free = np.setdiff1d(np.arange(12), part.grid)
    grown = [
        grow(part, free, table, group, indifference(table), (3, 4)) for table in (whole, listed)
    ]
    assert np.array_equal(grown[0].grid, grown[1].grid)
    assert np.array_equal(grown[0].state, grown[1].state)


def test_pieces_without_any_candidate_are_placed_all_the_same() -> None:
    group = states(colours=False, turns=False, flips=False, negatives=False)
    value = np.zeros((4, 6, 1, 1), np.float32)
    table = SparseTable(np.array([[1], [0], [0], [0], [0], [0]]), value, 9.0, group)
    part = Placement(np.array([[0]]), np.array([[0]]))
    grown = grow(part, np.arange(1, 6), table, group, 5.0, (2, 3))
    assert grown.grid.shape == (2, 3)
    assert sorted(grown.grid.reshape(-1).tolist()) == list(range(6))


def test_neighbours_are_near_in_any_state() -> None:
    group = states(colours=True)
    pieces, true = scrambled(natural_images(12, 48), 4, group, seed=1)
    near = nearest(pieces, 24)
    assert near.shape == (144, 24)
    assert (near != np.arange(144)[:, None]).all()
    for first, second in (
        (true.grid[:, :-1], true.grid[:, 1:]),
        (true.grid[:-1], true.grid[1:]),
    ):
        listed = (near[first.reshape(-1)] == second.reshape(-1, 1)).any(1)
        assert listed.mean() > 0.97


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), down=st.integers(0, 2), along=st.integers(0, 3))
def test_a_shifted_picture_slides_back(seed: int, down: int, along: int) -> None:
    group = states(colours=False)
    rng = np.random.default_rng(seed)
    true = arrangement(group, rng)
    table = rng.uniform(4, 8, (4, 12, group.count, 12)).astype(np.float32)
    for side, value in zip((0, 1), seam_values(true, table, group), strict=True):
        ends = (np.s_[:, :-1], np.s_[:, 1:]) if side == 0 else (np.s_[:-1], np.s_[1:])
        undo = group.inverse[true.state[ends[0]]]
        seen, relative = group.side[undo, side], group.compose[undo, true.state[ends[1]]]
        table[seen, true.grid[ends[0]], relative, true.grid[ends[1]]] = 0.1 * value
    shifted = Arrangement(
        np.roll(true.grid, (down, along), (0, 1)), np.roll(true.state, (down, along), (0, 1))
    )
    back = slid(shifted, table, group)
    assert np.array_equal(back.grid, true.grid)
    assert np.array_equal(back.state, true.state)
