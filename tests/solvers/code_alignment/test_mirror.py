"""The choice between a layout and its mirror image: told if images tell it, else left open."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.solvers.code_alignment.mirror import asymmetry, is_upright
from ppattack.solvers.code_alignment.places import turns

GRID = (5, 6)
MIRROR, OVER = turns(GRID)[1:3]


def _images(seed: int, *, lopsided: bool, count: int = 200) -> Tensor:
    """Components ``(N, 30, 12)``; if lopsided, smoother on the right and rougher below."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count * 12, 1, GRID[0] + 2, GRID[1] + 2, generator=generator)
    smooth = functional.avg_pool2d(noise, 3, stride=1)
    rough = noise[..., 1:-1, 1:-1]
    right = torch.linspace(0, 1, GRID[1]) if lopsided else torch.full((GRID[1],), 0.5)
    below = torch.linspace(0, 1, GRID[0])[:, None] if lopsided else 0.5
    laid = (2 * right * smooth + (1 - right) * rough) * (1 + below)
    return laid.view(count, 12, -1).transpose(1, 2)


def _key(seed: int) -> Tensor:
    """How much stronger a key makes components of each place, which is no property of images."""
    return 1 + 0.5 * torch.rand(1, 30, 12, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [1, 2])
def test_lopsided_images_tell_their_mirror_image(seed: int) -> None:
    victims = _images(seed, lopsided=True) * _key(10)
    public = _images(seed + 5, lopsided=True)
    straight, flipped = public * _key(11), public[:, MIRROR] * _key(11)
    assert asymmetry(victims, straight, flipped, MIRROR).probability > 0.95
    assert asymmetry(victims[:, MIRROR], straight, flipped, MIRROR).probability < 0.05


def test_a_key_that_is_lopsided_tells_nothing() -> None:
    found = []
    for seed in range(12):
        public = _images(seed, lopsided=False)
        straight, flipped = public * _key(seed), public[:, MIRROR] * _key(seed)
        victims = _images(seed + 50, lopsided=False) * _key(seed + 70)
        found.append(asymmetry(victims, straight, flipped, MIRROR).probability)
    assert all(0.02 < each < 0.98 for each in found)
    assert sum(0.3 < each < 0.7 for each in found) >= 9
    assert 0.35 < sum(found) / len(found) < 0.65


def test_too_few_images_tell_nothing() -> None:
    one = _images(3, lopsided=True, count=1)
    assert asymmetry(one, one, one[:, MIRROR], MIRROR).probability == 0.5


def test_which_way_up_is_told_and_no_more_is_asked_than_it_takes() -> None:
    victims = _images(1, lopsided=True)
    asked = []

    def parts() -> object:
        for seed in range(6, 9):
            asked.append(seed)
            public = _images(seed, lopsided=True)
            yield public, public[:, OVER]

    assert is_upright(victims, parts(), OVER)  # type: ignore[arg-type]
    assert asked == [6]
    assert not is_upright(victims[:, OVER], parts(), OVER)  # type: ignore[arg-type]
