"""SSIM up to a shift in whole blocks, against a search through all states and shifts."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ppattack.metrics.shifts import best_shifted_ssim
from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import best_state_ssim, global_states
from tests.conftest import smooth_images

BLOCK = 8


def _every(images: Tensor, plain: Tensor) -> Tensor:
    """``(states × shifts, N)`` SSIM."""
    _, _, height, width = plain.shape
    steps = list(itertools.product(range(0, height, BLOCK), range(0, width, BLOCK)))
    return torch.stack(
        [
            ssim(state.roll(step, (2, 3)).contiguous(), plain)
            for state in global_states(images)
            for step in steps
        ]
    )


@pytest.mark.parametrize(("channels", "width"), [(3, 16), (1, 24)])
def test_state_and_shift_are_those_of_a_search_through_all(channels: int, width: int) -> None:
    plain = smooth_images(5, size=24)[:, :channels, :16, :width]
    states = [list(global_states(image)) for image in plain.split(1)]
    moved = torch.cat(
        [
            each[5 * i % len(each)].roll((BLOCK * (i % 2), BLOCK), (2, 3))
            for i, each in enumerate(states)
        ]
    )
    found = best_shifted_ssim(moved, plain, BLOCK, shared=False)
    assert torch.allclose(found, torch.ones_like(found))
    assert torch.allclose(found, _every(moved, plain).amax(dim=0))
    alike = torch.cat([each[3].roll((BLOCK, 0), (2, 3)) for each in states])
    assert torch.allclose(
        best_shifted_ssim(alike, plain, BLOCK, shared=True), torch.ones(5, dtype=torch.float64)
    )
    assert best_shifted_ssim(moved, plain, BLOCK, shared=True).mean() < 0.9


@pytest.mark.parametrize("shared", [True, False])
def test_it_is_never_worse_than_without_a_shift(shared: bool) -> None:
    plain = smooth_images(4, size=16)
    unshifted = best_state_ssim(plain, plain, shared=shared)
    assert best_shifted_ssim(plain, plain, BLOCK, shared=shared).equal(unshifted)
    noise = torch.randint(0, 256, plain.shape, generator=torch.Generator().manual_seed(0))
    images = noise.to(torch.uint8)
    least = best_state_ssim(images, plain, shared=shared)
    given = best_shifted_ssim(images, plain, BLOCK, shared=shared, unshifted=least)
    assert given.mean() >= least.mean()
