"""Layouts that were permuted by a known order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.solvers.code_alignment.places import (
    Layouts,
    best_layout,
    exchanged,
    find_places,
    improved,
    score,
    settled,
    turns,
    weights_between,
)

GRID = (7, 7)


def _field(images: int, seed: int, grid: tuple[int, int] = GRID) -> Tensor:
    """Smooth components ``(N, P, 12)``, smoother along rows than along columns."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(images * 12, 1, grid[0] + 8, grid[1] + 8, generator=generator)
    smooth = functional.avg_pool2d(noise, (4, 6), stride=1)
    top = (slice(None), slice(None), slice(0, grid[0]), slice(0, grid[1]))
    laid = smooth[top] + functional.avg_pool2d(noise, 2, stride=1)[top]
    laid = laid * torch.linspace(1, 2, grid[0])[:, None]  # the lower, the more contrast
    return laid.view(images, 12, -1).transpose(1, 2)


def _right(places: Tensor, order: Tensor, grid: tuple[int, int] = GRID) -> float:
    shares = [float((turn[places] == order).double().mean()) for turn in turns(grid)]
    return max(shares)


@pytest.mark.parametrize("grid", [GRID, (5, 8), (2, 2)])
def test_a_permuted_layout_is_found_up_to_a_turn(grid: tuple[int, int]) -> None:
    victims, own = _field(400, 1, grid), _field(400, 2, grid)
    order = torch.randperm(grid[0] * grid[1], generator=torch.Generator().manual_seed(3))
    ours, theirs = Layouts.of(victims[:, order]), Layouts.of(own)
    places = find_places(ours, theirs, grid)
    assert sorted(places.tolist()) == list(range(grid[0] * grid[1]))
    assert _right(places, order, grid) > 0.95
    assert score(ours, theirs, places) > score(ours, theirs, order.roll(1))


def test_a_near_miss_is_mended() -> None:
    victims, own = _field(800, 4), _field(800, 5)
    order = torch.randperm(49, generator=torch.Generator().manual_seed(6))
    near = order.clone()
    near[:6] = order[:6].roll(1)
    ours, theirs = Layouts.of(victims[:, order]), Layouts.of(own)
    start = torch.eye(49)[near]
    assert float((improved(ours, theirs, start) == order).double().mean()) > 0.9


def test_places_that_slid_along_a_ring_are_mended() -> None:
    grid = (9, 9)
    laid = torch.arange(81).view(grid)
    ring = torch.cat([laid[2, 2:7], laid[3:7, 6], laid[6, 2:6].flip(0), laid[3:6, 2].flip(0)])
    slid = torch.arange(81)
    slid[ring] = ring.roll(1)
    ours, theirs = Layouts.of(_field(300, 4, grid)), Layouts.of(_field(300, 50, grid))
    assert _right(exchanged(ours, theirs, slid), torch.arange(81), grid) < 0.9  # too few at a time
    assert torch.equal(settled(ours, theirs, slid, grid), torch.arange(81))


def test_exchanges_end_where_no_exchange_gains() -> None:
    ours, theirs = Layouts.of(_field(300, 9)), Layouts.of(_field(300, 10))
    start = torch.randperm(49, generator=torch.Generator().manual_seed(11))
    end = exchanged(ours, theirs, start)
    assert sorted(end.tolist()) == list(range(49))
    best = score(ours, theirs, end)
    assert best > score(ours, theirs, start)
    for one in range(0, 49, 5):
        for other in range(49):
            tried = end.clone()
            tried[[one, other]] = tried[[other, one]]
            assert score(ours, theirs, tried) <= best + 1e-3
    assert torch.equal(exchanged(ours, theirs, end), end)


def test_channels_that_keys_agree_on_decide() -> None:
    fields = [_field(400, seed) for seed in (12, 13, 14, 15)]
    for seed, field in enumerate(fields):  # from the seventh on, a key of its own
        noise = torch.randn(field.shape, generator=torch.Generator().manual_seed(20 + seed))
        field[..., 6:] = 3 * noise[:, torch.randperm(49)][..., 6:]
    weights = weights_between(Layouts.of(fields[2]), Layouts.of(fields[3]))
    assert float(weights[0][:3].min()) > 5 * float(weights[0][3:].max())
    order = torch.randperm(49, generator=torch.Generator().manual_seed(16))
    ours, theirs = Layouts.of(fields[0][:, order]), Layouts.of(fields[1])
    assert _right(best_layout(ours, theirs, weights, GRID), order) > 0.95


def test_noise_has_no_layout() -> None:
    noise = torch.randn(300, 49, 12, generator=torch.Generator().manual_seed(7))
    order = torch.arange(49)
    places = find_places(Layouts.of(noise), Layouts.of(_field(300, 8)), GRID)
    assert _right(places, order) < 0.4


def test_turns_are_the_symmetries_of_the_grid() -> None:
    for grid, count in (((3, 3), 8), ((2, 3), 4)):
        found = turns(grid)
        assert len({tuple(turn.tolist()) for turn in found}) == len(found) == count
        assert found[0].tolist() == list(range(grid[0] * grid[1]))
        laid = torch.arange(grid[0] * grid[1]).view(grid)
        assert found[1].view(grid).tolist() == laid.flip(1).tolist()
