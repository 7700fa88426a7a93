"""What is expected of a matching, on planted scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.annealing import _balance, annealed_matching
from ppattack.solvers.neuracrypt.confidence import (
    Rehearsal,
    height,
    in_common,
    mutual,
    null_height,
)
from ppattack.solvers.neuracrypt.cost import Sizes, memory_bytes


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_stream(seed, "test"))


def _scores(noise: float, wrong: int = 0, count: int = 150) -> Tensor:
    """Inner products of 24 features of N codes and 200 candidates, some codes being nobody's."""
    plain = _normal(200, 24)
    codes = plain[:count] + noise * _normal(count, 24, seed=1)
    codes[:wrong] = _normal(wrong, 24, seed=2)
    return codes @ plain.T


def _height(scores: Tensor) -> float:
    return height(scores, greatest_score(scores))


def test_heights_do_not_depend_on_units_or_offsets() -> None:
    scores = _scores(0.5)
    moved = 7 * scores + _normal(150, 1, seed=3) + 5 * _normal(1, 200, seed=4) - 3
    assert _height(moved) == pytest.approx(_height(scores), abs=0.05)


def test_a_matching_of_noise_is_as_high_as_mixed_scores() -> None:
    stream = torch_stream(0, "mixed")
    noise = _normal(150, 24, seed=5) @ _normal(24, 200, seed=6)
    assert _height(noise) == pytest.approx(null_height(noise, stream), abs=0.15)
    for spread in (0.1, 0.6):
        assert null_height(_scores(spread), stream) == pytest.approx(_height(noise), abs=0.15)


def test_the_expected_share_follows_what_is_right() -> None:
    stream = torch_stream(0, "mixed")
    own = _scores(0.6)
    rehearsal = Rehearsal(1.0, _height(own), null_height(own, stream))
    shares = [rehearsal.expected_share(_height(_scores(0.6, wrong))) for wrong in (0, 75, 150)]
    every, half, none = (share for share in shares if share is not None)
    assert every == 1
    assert 0.2 < half < 0.8
    assert none < 0.1
    assert not rehearsal.limits(_height(own))
    assert "a key for each image" in rehearsal.limits(_height(_scores(0.6, 150)))


def test_what_a_rehearsal_does_not_reach_is_not_expected() -> None:
    poor = Rehearsal(0.05, 3.1, 2.3)
    assert poor.expected_share(4.0) == 0.05
    assert "under an own key the attack has 5% right too" in poor.limits(4.0)
    assert Rehearsal(1.0, 2.0, 2.0).expected_share(1.9) is None
    assert Rehearsal(1.0, 2.0, 2.1).expected_share(4.0) is None
    assert "nothing tells how many" in Rehearsal(1.0, 2.3, 2.1).limits(4.0)


def test_a_clear_mutual_choice_counts_if_the_rehearsal_went_wrong() -> None:
    poor = Rehearsal(0.05, 2.4, 2.3)
    assert poor.expected_share(3.4, 1.0) == 1
    assert not poor.limits(3.4, 1.0)
    assert poor.expected_share(3.4, 0.3) is None
    assert Rehearsal(1.0, 3.4, 2.3).expected_share(3.4, 0.7) == 1


def test_codes_without_a_key_in_common_are_expected_to_be_wrong() -> None:
    mean = _normal(1, 9, 40)
    shared = mean + 0.5 * _normal(20, 9, 40, seed=1)
    assert in_common(shared) > 0.8
    apart = in_common(_normal(20, 9, 40, seed=2))
    assert abs(apart) < 0.1
    rehearsal = Rehearsal(1.0, 3.4, 2.3, apart)
    assert rehearsal.expected_share(3.4, 1.0) == 0
    assert "a key for each image" in rehearsal.limits(3.4, 1.0)


def test_mutual_choice() -> None:
    scores = torch.tensor([[3.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert mutual(scores, torch.tensor([0, 1, 2])) == pytest.approx(2 / 3)
    assert mutual(scores, torch.tensor([1, 0, 2])) == pytest.approx(1 / 3)


def test_tables_are_balanced_with_and_without_spare_columns() -> None:
    table = 2 * _normal(30, 30)
    columns = _balance(table, torch.zeros(30))
    torch.testing.assert_close(table.sum(dim=0), torch.ones(30), atol=1e-5, rtol=0)
    torch.testing.assert_close(table.sum(dim=1), torch.ones(30), atol=0.02, rtol=0)
    again = 2 * _normal(30, 30)
    assert _balance(again, columns).sub(columns).abs().max() < 0.02
    spare = 2 * _normal(30, 45)
    _balance(spare, torch.zeros(45))
    torch.testing.assert_close(spare.sum(dim=1), torch.ones(30), atol=0.05, rtol=0)
    assert spare.sum(dim=0).max() <= 1 + 1e-5


def test_columns_that_no_row_asks_for_stay_finite() -> None:
    table = torch.full((6, 6), -500.0)
    table[:, 0] = 0
    columns = _balance(table, torch.zeros(6))
    assert torch.isfinite(table).all()
    assert torch.isfinite(columns).all()


def test_annealing_finds_codes_among_more_candidates() -> None:
    plain = _normal(220, 40)
    matching = torch.randperm(220, generator=torch_stream(0, "order"))[:200]
    places = torch.randperm(40, generator=torch_stream(1, "order"))
    codes = plain[matching][:, places] + 0.3 * _normal(200, 40, seed=3)
    found = annealed_matching(plain, codes)
    assert len(set(found.tolist())) == 200
    assert (found == matching).double().mean() > 0.9


def test_memory_grows_with_every_size() -> None:
    sizes = {"codes": 900, "candidates": 1000, "positions": 64, "width": 256, "pixels": 4096}
    least = memory_bytes(Sizes(**sizes))
    for name in sizes:
        assert memory_bytes(Sizes(**{**sizes, name: 5 * sizes[name]})) > least
    assert memory_bytes(Sizes(**sizes), whole=True) > least
    table = 8300**2 * 8
    full = memory_bytes(Sizes(8300, 8300, 64, 256, 4096))
    assert table < full < 8 << 30
