"""Seam costs against slow, independent ones; clusters, growth and refinement by their laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ppattack.block_states import STEPS, Arrangement, States, states
from ppattack.solvers.jigsaw.canonical import canonical, in_state
from ppattack.solvers.jigsaw.clusters import Clusters, Placement
from ppattack.solvers.jigsaw.compatibility import MEASURES, REGULARISATION, SPREAD_WEIGHT
from ppattack.solvers.jigsaw.gallagher import trimmed
from ppattack.solvers.jigsaw.growth import grow
from ppattack.solvers.jigsaw.refinement import reassign, rebuild, total
from ppattack.solvers.jigsaw.seam_table import indifference, log_costs, surprise
from ppattack.solvers.jigsaw.surroundings import Surroundings
from tests.support import puzzles

pytestmark = pytest.mark.long

Line = NDArray[np.float64]
GROUPS = st.builds(
    states,
    colours=st.booleans(),
    turns=st.booleans(),
    flips=st.booleans(),
    negatives=st.booleans(),
)


def one_way(edge: Line, inner: Line, after: Line, measure: str) -> float:
    """The cost of a line ``(B, C)`` after another, pixel by pixel, by the published formulas."""
    if measure == "prediction-l2":
        return float(
            sum(
                (2 * a - b - c) @ (2 * a - b - c)
                for a, b, c in zip(edge, inner, after, strict=True)
            )
        )
    if measure == "prediction-l1":
        return float(
            sum(abs(2 * a - b - c).sum() for a, b, c in zip(edge, inner, after, strict=True))
        )
    gradients = [a - b for a, b in zip(edge, inner, strict=True)]
    mean = sum(gradients) / len(gradients)
    channels = edge.shape[1]
    level = 0.0
    if measure == "mgc":
        unit = np.eye(channels)
        dummies = [np.zeros(channels), np.ones(channels), -np.ones(channels), *unit, *-unit]
        covariance = np.cov(np.array([*gradients, *dummies]).T).reshape(channels, channels)
    else:
        covariance = np.cov(np.array(gradients).T).reshape(channels, channels)
        covariance = covariance + REGULARISATION * np.eye(channels)
        level = SPREAD_WEIGHT / 2 * len(edge) * np.log(np.linalg.det(covariance))
    inverse = np.linalg.inv(covariance)
    misses = [c - a - mean for a, c in zip(edge, after, strict=True)]
    return float(sum(np.sqrt(miss @ inverse @ miss) for miss in misses) + level)


def seam(first: puzzles.Pixels, side: int, second: puzzles.Pixels, measure: str) -> float:
    """The cost of a seam, both pieces turned until the side is the right one."""
    a = np.rot90(first, side, axes=(1, 2)).astype(np.float64)
    b = np.rot90(second, side, axes=(1, 2)).astype(np.float64)
    there = one_way(a[:, :, -1].T, a[:, :, -2].T, b[:, :, 0].T, measure)
    return there + one_way(b[:, :, 0].T, b[:, :, 1].T, a[:, :, -1].T, measure)


@pytest.mark.parametrize("measure", MEASURES)
@settings(deadline=None, max_examples=12)
@given(group=GROUPS, size=st.integers(3, 5), count=st.integers(2, 3), seed=st.integers(0, 99))
def test_costs_of_all_states_are_those_of_transformed_pieces(
    measure: str, group: States, size: int, count: int, seed: int
) -> None:
    # Two lines of two pixels give a covariance that single precision inverts to three digits only.
    rng = np.random.default_rng(seed)
    pieces = rng.integers(0, 256, (2, count, 3, size, size), dtype=np.uint8)
    found = log_costs(torch.from_numpy(pieces), group, MEASURES[measure]).numpy()
    floor = 2 * size * MEASURES[measure].floor
    for a, b in ((0, 1), (1, 0), (count - 1, 0)):
        for state in rng.integers(0, group.count, 3).tolist():
            for side in range(4):
                expected = sum(
                    np.log(
                        seam(image[a], side, puzzles.in_state(image[b], state, group), measure)
                        + floor
                    )
                    for image in pieces
                )
                assert found[side, a, state, b] == pytest.approx(expected, abs=3e-3)
    assert np.isposinf(found[:, np.arange(count), :, np.arange(count)]).all()


@settings(deadline=None, max_examples=20)
@given(group=GROUPS, seed=st.integers(0, 99))
def test_a_seam_is_the_same_from_both_sides(group: States, seed: int) -> None:
    pieces = np.random.default_rng(seed).integers(0, 256, (1, 4, 3, 4, 4), dtype=np.uint8)
    costs = log_costs(torch.from_numpy(pieces), group, MEASURES["regularised-mgc"])
    for table in (costs.clone(), surprise(costs, group, 24.0)):
        for side in range(4):
            for state in range(group.count):
                back = int(group.inverse[state])
                met = int(group.side[back, (side + 2) % 4])
                assert torch.allclose(table[side, :, state], table[met, :, back].T, rtol=1e-4)


def test_surprise_is_small_for_what_stands_out_and_large_for_the_rest() -> None:
    group = states(colours=False, turns=False, flips=False, negatives=False)
    costs = torch.full((4, 9, 1, 9), 3.0)
    costs[0, 2, 0, 5] = costs[2, 5, 0, 2] = 1.0
    costs[:, torch.arange(9), :, torch.arange(9)] = float("inf")
    found = surprise(costs.clone(), group, 24.0)
    assert found[0, 2, 0, 5] < 0.01
    assert found[0, 3, 0, 5] > indifference(found)
    assert found[1, 3, 0, 5] == pytest.approx(np.log(8), abs=0.01)


@settings(deadline=None, max_examples=20)
@given(group=GROUPS, seed=st.integers(0, 99))
def test_canonical_pieces_do_not_depend_on_the_key(group: States, seed: int) -> None:
    image = puzzles.landscape(24, 32, seed=seed)
    forms = []
    for key in (1, 2):
        pieces, _ = puzzles.scrambled(image, 8, group, key)
        order, state = canonical(pieces, group)
        forms.append(in_state(pieces[:, order], state, group))
        for i, (piece, turned) in enumerate(zip(order.tolist(), state.tolist(), strict=True)):
            expected = puzzles.in_state(pieces[0, piece].numpy(), turned, group)
            assert np.array_equal(forms[-1][0, i].numpy(), expected)
    assert torch.equal(*forms)


def test_clusters_refuse_overlaps_and_outgrowing() -> None:
    group = states(colours=False, turns=False, flips=False, negatives=False)
    right, below = 0, 1
    clusters = Clusters(6, group, (2, 3))
    assert clusters.join(0, right, 1, 0)
    assert clusters.join(2, right, 3, 0)
    assert not clusters.join(1, right, 0, 0)  # the same cluster
    assert not clusters.join(1, right, 2, 0)  # four in a row of three
    assert clusters.join(0, below, 2, 0)
    assert not clusters.join(2, below, 4, 0)  # three rows of two
    assert not clusters.join(1, below, 4, 0)  # the place of 3
    assert clusters.join(1, right, 4, 0)
    assert clusters.largest.grid.tolist() == [[0, 1, 4], [2, 3, -1]]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999))
def test_joins_in_any_order_rebuild_the_arrangement(seed: int) -> None:
    group = states(colours=True)
    rng = np.random.default_rng(seed)
    true = arrangement(3, 4, group, rng)
    clusters = Clusters(12, group, (3, 4))
    joins = true_joins(true, group)
    for i in rng.permutation(len(joins)).tolist():
        clusters.join(*joins[i])
    whole = clusters.largest
    assert whole.filled.all()
    by = group.compose[
        whole.state[whole.grid == true.grid[0, 0]][0], group.inverse[true.state[0, 0]]
    ]
    expected = true.turned(int(by), group)
    assert np.array_equal(whole.grid, expected.grid)
    assert np.array_equal(whole.state, expected.state)


def arrangement(rows: int, columns: int, group: States, rng: np.random.Generator) -> Arrangement:
    count = rows * columns
    state = rng.integers(0, group.count, count).reshape(rows, columns)
    return Arrangement(rng.permutation(count).reshape(rows, columns), state)


def true_joins(true: Arrangement, group: States) -> list[tuple[int, int, int, int]]:
    rows, columns = true.grid.shape
    found = []
    for row, column in np.ndindex(rows, columns):
        for side, (down, along) in enumerate(STEPS.tolist()):
            other = row + down, column + along
            if 0 <= other[0] < rows and 0 <= other[1] < columns:
                undo = int(group.inverse[true.state[row, column]])
                relative = int(group.compose[undo, true.state[other]])
                seen = int(group.side[undo, side])
                found.append((int(true.grid[row, column]), seen, int(true.grid[other]), relative))
    return found


def table_of(true: Arrangement, group: States, rng: np.random.Generator) -> NDArray[np.float32]:
    """Small numbers at the true seams, larger random ones elsewhere, alike from both sides."""
    count = true.grid.size
    table = rng.uniform(4, 8, (4, count, group.count, count)).astype(np.float32)
    for first, side, second, state in true_joins(true, group):
        table[side, first, state, second] = 0.5
    table[:, np.arange(count), :, np.arange(count)] = np.inf
    return table


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), row=st.integers(0, 3), column=st.integers(0, 4))
def test_growth_slides_and_completes_any_part(seed: int, row: int, column: int) -> None:
    group = states(colours=False)
    rng = np.random.default_rng(seed)
    true = arrangement(4, 5, group, rng)
    table = table_of(true, group, rng)
    part = Placement(
        true.grid[row : row + 1, column : column + 1],
        true.state[row : row + 1, column : column + 1],
    )
    free = np.setdiff1d(np.arange(20), part.grid)
    grown = grow(part, free, table, group, 6.0, (4, 5))
    assert np.array_equal(grown.grid, true.grid)
    assert np.array_equal(grown.state, true.state)


def test_refinement_never_costs_more_and_mends_what_is_broken() -> None:
    group = states(colours=False)
    rng = np.random.default_rng(0)
    true = arrangement(5, 6, group, rng)
    table = table_of(true, group, rng)
    broken = Arrangement(true.grid.copy(), true.state.copy())
    broken.grid[:, :3], broken.grid[:, 3:] = true.grid[:, 3:], true.grid[:, :3]
    broken.state[:, :3], broken.state[:, 3:] = true.state[:, 3:], true.state[:, :3]
    swapped = reassign(broken, table, group, rng, 4)
    assert total(swapped, table, group) <= total(broken, table, group)
    mended, improved = rebuild(broken, table, group, 6.0, rng, rounds=60, patience=60)
    assert improved > 0
    assert np.array_equal(mended.grid, true.grid)
    assert np.array_equal(mended.state, true.state)


@settings(deadline=None, max_examples=10)
@given(group=GROUPS, seed=st.integers(0, 999))
def test_surroundings_stay_right_while_an_arrangement_changes(group: States, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = arrangement(3, 4, group, rng)
    table = rng.uniform(0, 8, (4, 12, group.count, 12)).astype(np.float32)
    surroundings = Surroundings(table, group)
    for _ in range(6):  # more than are remembered
        least = surroundings.least(found)
        for place, piece in rng.integers(0, 12, (8, 2)).tolist():
            sums = costs_at(found, divmod(place, 4), piece, table, group)
            assert least[place, piece] == pytest.approx(min(sums), abs=1e-4)
            assert sums[surroundings.best_state(place, piece)] == pytest.approx(min(sums), abs=1e-4)
        first, second = rng.integers(0, 12, 2)
        grid, state = found.grid.reshape(-1), found.state.reshape(-1)
        grid[[first, second]] = grid[[second, first]]
        state[first] = rng.integers(group.count)
        if rng.integers(2):
            found = Arrangement(np.roll(found.grid, 1, 1), np.roll(found.state, 1, 1))


def costs_at(
    found: Arrangement,
    place: tuple[int, int],
    piece: int,
    table: NDArray[np.float32],
    group: States,
) -> list[float]:
    """For each state of a piece at a place, the sum of its seams, seen from its neighbours."""
    sums = [0.0] * group.count
    for side, (down, along) in enumerate(STEPS.tolist()):
        row, column = place[0] - down, place[1] - along
        if 0 <= row < found.grid.shape[0] and 0 <= column < found.grid.shape[1]:
            undo = int(group.inverse[found.state[row, column]])
            seen = table[group.side[undo, side], found.grid[row, column]]
            for state in range(group.count):
                sums[state] += float(seen[group.compose[undo, state], piece])
    return sums


def test_trimming_keeps_the_window_with_most_pieces() -> None:
    group = states(colours=False, turns=True, flips=False, negatives=False)
    grid = np.full((4, 3), -1)
    grid[1:, 0], grid[1:, 1], grid[0, 2] = (0, 1, 2), (3, 4, 5), 6
    kept = trimmed(Placement(grid, np.zeros_like(grid)), 2, 3, group)
    assert kept.grid.shape == (2, 3)
    assert set(kept.grid.reshape(-1).tolist()) == set(range(6))
    assert set(kept.state.reshape(-1).tolist()) == {1 if group.dihedral[1] == 1 else 0}
