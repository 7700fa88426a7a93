"""Ranks, hits and percentiles, from the definition."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack.errors import ImageError
from ppattack.metrics.ranks import ranks


def test_small_vectors() -> None:
    similarity = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    found = ranks(similarity, torch.tensor([0, 1, 2]))
    assert found.candidates == 3
    assert found.above.tolist() == [0, 2, 0]
    assert found.equal.tolist() == [0, 0, 2]
    assert found.hits(1).tolist() == pytest.approx([1, 0, 1 / 3])
    assert found.hits(2).tolist() == pytest.approx([1, 0, 2 / 3])
    assert found.hits(3).tolist() == [1, 1, 1]
    assert found.reciprocal().tolist() == pytest.approx([1, 1 / 3, 1 / 2])
    assert found.percentile().tolist() == [0, 1, 0.5]


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=5).flatmap(
        lambda row: st.tuples(st.just(row), st.integers(0, len(row) - 1), st.integers(1, 5))
    )
)
def test_equal_candidates_stand_in_random_order(case: tuple[list[int], int, int]) -> None:
    row, true, most = case
    found = ranks(torch.tensor([row], dtype=torch.float32), torch.tensor([true]))
    places = []
    for order in permutations(range(len(row))):
        placed = sorted(order, key=lambda i: -row[i])  # stable: equal ones stay in this order
        places.append(placed.index(true))
    hit = sum(place < most for place in places) / len(places)
    assert float(found.hits(most)) == pytest.approx(hit)
    mean = sum(places) / len(places) / (len(row) - 1)
    assert float(found.percentile()) == pytest.approx(mean)


def test_a_query_that_tells_nothing_hits_by_chance() -> None:
    found = ranks(torch.zeros(40, 40), torch.arange(40))
    assert found.hits(1).tolist() == pytest.approx([1 / 40] * 40)
    assert found.hits(10).tolist() == pytest.approx([10 / 40] * 40)
    assert found.percentile().tolist() == [0.5] * 40


def test_what_has_no_rank_is_refused() -> None:
    with pytest.raises(ImageError, match="not a number"):
        ranks(torch.tensor([[0.0, float("nan")]]), torch.tensor([0]))
    with pytest.raises(ImageError, match="one each"):
        ranks(torch.zeros(2, 3), torch.tensor([0]))
