"""The trust in a match, and images that show the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.trust import Trust, _pareto, statistics
from tests.support.natural import natural_images


def found(best: float, count: int, draw: torch.Generator) -> Tensor:
    """Statistics of matches whose best score stands out by so much."""
    top = torch.randn(count, 40, generator=draw).sort(dim=1, descending=True).values
    top[:, 0] += best
    ours = torch.randn(count, 6, generator=draw)
    theirs = torch.randn(count, 6, generator=draw)
    return statistics(top, ours, theirs, torch.linspace(0.2, 0.9, 6))


def test_p_values_of_absent_images_are_uniform_and_of_present_ones_small() -> None:
    draw = torch.Generator().manual_seed(0)
    present, other = found(8.0, 500, draw), found(0.0, 500, draw)
    trust = Trust.fit(present, other, found(0.0, 2000, draw), draw)
    absent = trust.p_values(found(0.0, 2000, draw))
    for limit in (0.01, 0.05, 0.2, 0.5):
        share = float((absent <= limit).float().mean())
        assert abs(share - limit) < 4 * (limit / 2000) ** 0.5 + 0.01 * limit
    assert float((absent <= 0.001).float().mean()) < 0.006
    assert float((trust.p_values(found(8.0, 500, draw)) <= 0.001).float().mean()) > 0.95
    assert float(absent.min()) >= 1 / 2001


def test_absent_images_that_match_like_present_ones_make_p_values_larger() -> None:
    """One of a hundred strangers looks like a copy; so does one of those whose p-value is asked."""
    draw = torch.Generator().manual_seed(0)
    present, absent = found(8.0, 500, draw), found(0.0, 500, draw)
    few = 40
    strangers, asked = (
        torch.cat([found(0.0, 4000 - few, draw), found(8.0, few, draw)]) for _ in range(2)
    )
    p = Trust.fit(present, absent, strangers, draw).p_values(asked)
    for limit in (0.001, 0.005, 0.02):
        assert float((p <= limit).float().mean()) <= limit + 3 * (limit / 4000) ** 0.5


@pytest.mark.parametrize("shape", [0.0, 0.3])
def test_the_tail_is_that_of_a_pareto_distribution(shape: float) -> None:
    draw = torch.Generator().manual_seed(0)
    uniform = torch.rand(4000, generator=draw)
    excess = -uniform.log() if shape == 0 else (uniform**-shape - 1) / shape
    found_shape, scale = _pareto((2 * excess).sort().values)
    assert abs(found_shape - shape) < 0.06
    assert abs(scale - 2) < 0.15


def test_a_tail_with_an_end_is_not_taken_to_fall_faster_than_exponentially() -> None:
    shape, scale = _pareto(torch.linspace(0, 1, 500))
    assert shape == 0
    assert abs(scale - 0.5) < 0.01


def test_grades_without_a_difference_trust_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    here, gone, others = (found(0.0, count, draw) for count in (500, 500, 2000))
    p = Trust.fit(here, gone, others, draw).p_values(found(0.0, 2000, draw))
    assert float((p <= 0.01).float().mean()) < 0.03


def test_the_same_picture_is_a_lookalike_mirrored_or_noisy_and_another_is_not() -> None:
    images = natural_images(30, size=32)
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(images.shape, generator=draw) * 3
    noisy = (images + noise).clamp(0, 255).byte()
    every = Lookalikes(torch.cat([images, images.flip(3), noisy]))
    rows = torch.arange(30)
    same = torch.stack([rows, rows + 30, rows + 60], dim=1)
    assert bool(every.among(rows, same).all())
    others = torch.stack([(rows + step) % 30 for step in range(1, 8)], dim=1)
    assert float(every.among(rows, others).float().mean()) < 0.35
