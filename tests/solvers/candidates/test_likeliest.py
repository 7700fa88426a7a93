"""Lists of the likeliest candidates, joined as if all pairs had been compared at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack.attacks.candidate_matching import CandidateMatching
from ppattack.context import Alone
from ppattack.data import stacks
from ppattack.plugins import registry
from ppattack.solvers.candidates.likeliest import Scores
from tests.support.natural import natural_sets
from tests.support.sums import attacked

NUMBERS = st.integers(0, 10_000).map(lambda seed: torch.Generator().manual_seed(seed))


@given(NUMBERS, st.integers(1, 60), st.integers(1, 30), st.integers(1, 12))
def test_shards_give_the_likeliest_of_all(
    generator: torch.Generator, candidates: int, shard: int, kept: int
) -> None:
    table = torch.rand(4, candidates, generator=generator)
    found, *others = [Scores.of_all(part, kept) for part in table.split(shard, dim=1)]
    for other in others:
        found = found.merge(other)
    whole = table.topk(min(kept, candidates), dim=1)
    assert found.seen == candidates
    assert torch.equal(found.values[:, : whole.values.shape[1]], whole.values)
    assert torch.equal(found.candidates[:, : whole.values.shape[1]], whole.indices)


@given(NUMBERS, st.integers(1, 60), st.integers(1, 12))
def test_views_raise_scores(generator: torch.Generator, candidates: int, kept: int) -> None:
    table = torch.rand(3, 4, candidates, generator=generator)
    found = Scores.of_all(table[0], kept)
    for view in (1, 2):
        found = found.raised(Scores.of_all(table[view], kept, view))
    best, views = table.max(dim=0)
    whole = best.topk(min(kept, candidates), dim=1)
    assert torch.equal(found.values, whole.values)
    assert torch.equal(found.candidates, whole.indices)
    assert torch.equal(found.views.long(), views.gather(1, whole.indices))


def test_what_is_left_out_goes_to_the_end() -> None:
    found = Scores.of_all(torch.tensor([[3.0, 1.0, 2.0]]), 3)
    left = found.without(found.candidates == 0)
    assert left.candidates.tolist() == [[2, 1, 0]]
    assert left.values[0, 2] == -torch.inf
    both = left.beside(Scores.of_all(torch.tensor([[1.5]]), 1, -1).among(torch.tensor([0])))
    assert both.candidates[0, :3].tolist() == [2, 0, 1]
    assert both.views[0, :3].tolist() == [0, -1, 0]


@pytest.mark.parametrize("how", ["none", "shifted"])
def test_small_shards_change_no_match(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, sets = registry.target("etc")(block_size=8), natural_sets(40, 200, size=32)
    attack = CandidateMatching(distractors=160, altered=how)
    whole = attacked(target, sets, Alone(), attack, scope="image")
    monkeypatch.setattr(stacks, "SHARD_BYTES", 30 * 3072)
    parts = attacked(target, sets, Alone(), attack, scope="image")
    assert whole.matching is not None
    assert parts.matching is not None
    assert whole.p_values is not None
    assert parts.p_values is not None
    assert torch.equal(whole.matching, parts.matching)
    assert torch.allclose(whole.p_values, parts.p_values, atol=1e-6)
