"""The choice between a layout and its mirror image: told if images tell it, else left open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.solvers.code_alignment.mirror import CLEAR, asymmetry, likeness_lead
from ppattack.solvers.code_alignment.places import turns
from ppattack.solvers.code_alignment.upright import is_upright, moments_lead

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

    def parts() -> Iterator[tuple[Tensor, Tensor]]:
        for seed in range(6, 9):
            asked.append(seed)
            public = _images(seed, lopsided=True)
            yield public, public[:, OVER]

    assert is_upright(victims, parts(), OVER, GRID, _stream)
    assert asked == [6]
    assert not is_upright(victims[:, OVER], parts(), OVER, GRID, _stream)


def test_moments_tell_which_way_up_if_the_likeness_of_places_does_not() -> None:
    """Every place is as rough as any other, but what is below follows what is above."""
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=_stream())).Q
    victims, public = _falling(1) @ rotation, _falling(2)
    parts = [(public[:150], public[:150][:, OVER]), (public[150:], public[150:][:, OVER])]
    assert abs(likeness_lead(victims, parts, OVER)) < CLEAR
    straight, turned = public, public[:, OVER]
    assert moments_lead(victims, straight, turned, OVER, GRID, _stream) > 0.02
    assert not is_upright(victims[:, OVER], parts, OVER, GRID, _stream)


def _falling(seed: int, count: int = 300) -> Tensor:
    """Components ``(N, 30, 12)``: the place below has those of the place above, moved by one."""
    noise = torch.randn(count, GRID[0] + 1, GRID[1], 12, generator=_stream(seed)).exp()
    laid = noise[:, 1:] + 0.8 * noise[:, :-1].roll(1, 3)
    laid = laid.flatten(1, 2) * torch.linspace(2, 0.8, 12)
    return laid - laid.mean(dim=(0, 1))


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
