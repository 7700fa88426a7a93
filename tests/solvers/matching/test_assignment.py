"""Matchings are optimal: against every permutation, the dense solver, and certified bounds."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack.errors import DataError
from ppattack.seeding import torch_stream
from ppattack.solvers.matching import assignment
from ppattack.solvers.matching.assignment import greatest_score, least_cost, match_points
from ppattack.solvers.matching.prices import less_prices
from ppattack.solvers.matching.sparse import Costs, Pairs, completed, prices, solved, whole_numbers


def _points(count: int, width: int, noise: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points, the same with noise in another order, and that order."""
    stream = torch_stream(seed, "points")
    left = torch.randn(count, width, generator=stream)
    order = torch.randperm(count, generator=stream)
    right = torch.empty_like(left)
    right[order] = left + noise * torch.randn(count, width, generator=stream)
    return left, right, order


def _squared(left: Tensor, right: Tensor) -> Tensor:
    return torch.cdist(left.double(), right.double()).square()


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(deadline=None, max_examples=30)
def test_least_cost_beats_every_permutation(seed: int, count: int) -> None:
    costs = torch.randn(count, count, generator=torch_stream(seed, "costs"))
    found = float(costs[torch.arange(count), least_cost(costs)].sum())
    every = (
        float(costs[torch.arange(count), list(order)].sum())
        for order in itertools.permutations(range(count))
    )
    assert found == pytest.approx(min(every))


def test_distinct_row_minima_are_the_matching() -> None:
    costs = torch.randn(40, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = torch.randperm(60, generator=torch.Generator().manual_seed(1))[:40]
    costs[torch.arange(40), wanted] = -9.0
    assert torch.equal(least_cost(costs), wanted)


def _tables(seed: int, count: int, kind: str) -> Tensor:
    """Square costs: points, ties, costs that differ by much, and pairs that are out of question."""
    stream = torch_stream(seed, "tables", kind)
    if kind == "points":
        left, right, _ = _points(count, 1 + seed % 4, 0.5 + seed % 3, seed)
        return _squared(left, right)
    if kind == "ties":
        return torch.randint(0, 4, (count, count), generator=stream).double()
    drawn = torch.rand(count, count, generator=stream, dtype=torch.float64)
    if kind == "far apart":
        return (40 * drawn).exp() - 1e9 * torch.rand(count, 1, generator=stream)
    if kind == "easy":
        return drawn + 0.3 * (torch.rand(count, 1, generator=stream) < 0.9) * (1 - torch.eye(count))
    return drawn.where((drawn < 0.7) | torch.eye(count).bool(), torch.inf)


@pytest.mark.parametrize("kind", ["points", "ties", "far apart", "easy", "impossible"])
@pytest.mark.parametrize("without", [(), ("lap",)])
@given(seed=st.integers(0, 10_000), count=st.integers(2, 60))
@settings(deadline=None, max_examples=12)
def test_all_ways_cost_the_same(kind: str, without: tuple[str, ...], seed: int, count: int) -> None:
    """With and without prices of columns, and with and without lapx."""
    costs = _tables(seed, count, kind)
    table = costs.numpy()
    best = table[linear_sum_assignment(table)].sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "PRICED", 2)
        for name in without:
            patch.setitem(sys.modules, name, None)
        found = least_cost(costs).numpy()
    assert sorted(found) == list(range(count))
    scale = 1e-9 * np.abs(best) + 1e-14 * np.abs(table[np.isfinite(table)]).sum()
    assert abs(table[np.arange(count), found].sum() - best) <= scale


@pytest.mark.parametrize("kind", ["points", "easy"])
def test_prices_make_row_minima_differ(kind: str) -> None:
    costs = _tables(2, 300, kind)
    before, after = (len(table.argmin(1).unique()) for table in (costs, less_prices(costs)))
    assert after > before


def test_rows_that_do_not_say_how_fine_prices_must_be_have_none() -> None:
    costs = torch.ones(4, 4, dtype=torch.float64)
    assert less_prices(costs) is costs


def test_a_table_where_everything_costs_infinity_is_refused() -> None:
    costs = torch.ones(3, 3, dtype=torch.float64)
    costs[:, 0] = torch.inf
    with pytest.raises(ValueError, match="infeasible"):
        least_cost(costs)


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_costs_that_are_no_numbers_are_refused(bad: float) -> None:
    costs = 1 - torch.eye(3, dtype=torch.float64)
    costs[0, 0] = bad
    with pytest.raises(ValueError, match="invalid"):
        least_cost(costs)


def test_greatest_score_and_more_columns_than_rows() -> None:
    scores = torch.tensor([[0.0, 5.0, 1.0], [0.0, 6.0, 4.0]])
    assert greatest_score(scores).tolist() == [1, 2]
    assert least_cost(scores).tolist() in ([0, 2], [2, 0])


def test_costs_whose_sums_round_are_matched_too() -> None:
    left, right, _ = _points(95, 4, 2.321212332247046, seed=532)
    found = match_points(left, right, method="sparse", candidates=2, rounds=200)
    assert found.optimal
    assert found.cost == pytest.approx(match_points(left, right, method="dense").cost)


@pytest.mark.long
@given(
    st.integers(0, 10_000),
    st.integers(2, 120),
    st.integers(1, 6),
    st.floats(0, 3),
    st.integers(1, 6),
)
@settings(deadline=None, max_examples=60)
def test_the_sparse_solution_is_the_dense_one(
    seed: int, count: int, width: int, noise: float, candidates: int
) -> None:
    left, right, _ = _points(count, width, noise, seed)
    sparse = match_points(left, right, method="sparse", candidates=candidates, rounds=200)
    dense = match_points(left, right, method="dense")
    assert sorted(sparse.columns.tolist()) == list(range(count))
    assert sparse.optimal
    assert sparse.cost == pytest.approx(dense.cost, rel=1e-5, abs=1e-5)
    table = _squared(left, right)
    assert sparse.cost == pytest.approx(
        float(table[torch.arange(count), sparse.columns].sum()), rel=1e-4, abs=1e-4
    )


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0, 3))
@settings(deadline=None, max_examples=40)
def test_the_gap_never_promises_too_much(seed: int, count: int, noise: float) -> None:
    """However early it stops, the optimum lies between ``cost - gap`` and ``cost``."""
    left, right, _ = _points(count, 3, noise, seed)
    hurried = match_points(left, right, method="sparse", candidates=1, rounds=1)
    best = match_points(left, right, method="dense").cost
    slack = 1e-4 * (1 + best)
    assert hurried.cost - hurried.gap - slack <= best <= hurried.cost + slack


def test_a_hurried_solution_says_that_it_is_not_proven() -> None:
    left, right, _ = _points(300, 3, 2.0, 1)
    hurried = match_points(left, right, method="sparse", candidates=1, rounds=1)
    assert not hurried.optimal
    assert hurried.gap > 0


def test_where_no_full_matching_exists_pairs_are_added() -> None:
    """All rows share their nearest columns, so nearest pairs alone hold no full matching."""
    left = torch.zeros(50, 2)
    right = torch.stack([torch.arange(50.0), torch.zeros(50)], dim=1)
    found = match_points(left, right, method="sparse", candidates=1)
    assert sorted(found.columns.tolist()) == list(range(50))
    assert found.cost == pytest.approx(sum(i * i for i in range(50)), rel=1e-5)
    pairs = completed(Pairs(np.array([0, 1, 2]), np.array([0, 0, 0])), 3)
    assert len(solved(pairs, np.ones(len(pairs.rows)), 3)) == 3


def test_auto_goes_by_memory() -> None:
    left, right, order = _points(100, 8, 0.05, 3)
    assert match_points(left, right).method == "dense"
    small = match_points(left, right, dense_bytes=8 * 99**2)
    assert small.method == "sparse"
    assert torch.equal(small.columns, order)


def test_prices_leave_no_row_a_better_candidate() -> None:
    left, right, _ = _points(80, 2, 1.0, 5)
    costs = Costs(left, right)
    rows, columns = (part.ravel() for part in np.indices((80, 80)))
    pairs = Pairs(rows, columns)
    values, _ = whole_numbers(costs.of(pairs))
    own = solved(pairs, values, 80)
    price = prices(pairs, values, own)
    reduced = values.reshape(80, 80) - price
    assert (reduced.min(axis=1) >= reduced[np.arange(80), own] - 1e-6).all()


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(4, 2), "one to one"),
        (torch.zeros(0, 2), torch.zeros(0, 2), "one to one"),
        (torch.zeros(3, 2), torch.full((3, 2), float("nan")), "finite"),
    ],
)
def test_bad_points_are_refused(left: Tensor, right: Tensor, words: str) -> None:
    with pytest.raises(DataError, match=words):
        match_points(left, right)
