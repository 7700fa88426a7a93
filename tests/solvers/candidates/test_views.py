"""What a view undoes, and what it must leave alone."""

from __future__ import annotations

import pytest
import torch

from ppattack.data.alterations import DIRECTIONS, altered, brighter, degraded, shifted, stand_ins
from ppattack.solvers.candidates.views import VIEWS, View
from tests.support.natural import natural_images

IMAGES = natural_images(12, size=32)


def test_a_shift_is_undone_but_for_the_border() -> None:
    for down, right in DIRECTIONS:
        seen = View(down, right)(shifted(IMAGES, -down, -right))
        assert torch.equal(seen[..., 1:-1, 1:-1], IMAGES[..., 1:-1, 1:-1])


def test_a_gain_is_undone_and_white_stays_white() -> None:
    images = IMAGES.clone()
    images[:, :, :8] = 255
    seen = View(gain=1 / 1.1)(brighter(images, 1.1))
    dark = images <= 225
    assert int((seen.int() - images.int())[dark].abs().max()) <= 1
    assert bool((seen[:, :, :8] == 255).all())


def test_the_first_view_changes_nothing_and_all_differ() -> None:
    assert torch.equal(VIEWS[0](IMAGES), IMAGES)
    assert len(set(VIEWS)) == len(VIEWS) == 21
    assert all(not torch.equal(view(IMAGES), IMAGES) for view in VIEWS[1:])


def test_degraded_copies_are_in_place_and_about_as_bright() -> None:
    images = natural_images(60, size=32)
    copies = degraded(images, torch.Generator().manual_seed(0)).float()
    assert (
        float((copies.mean(dim=(1, 2, 3)) / images.float().mean(dim=(1, 2, 3)) - 1).abs().max())
        < 0.04
    )
    assert float((copies - images.float()).abs().mean(dim=(1, 2, 3)).max()) < 12
    changed = (copies != images.float()).flatten(1).any(dim=1)
    assert 0.6 < float(changed.float().mean()) < 1


def test_stand_ins_are_moved_shrunk_or_as_they_are() -> None:
    images = natural_images(12, size=32)
    before = images.clone()
    made = stand_ins(images)
    assert torch.equal(images, before)
    assert torch.equal(made[2::3], images[2::3])
    assert torch.equal(made[::3, :, 4:, 4:], images[::3, :, :-4, :-4])
    small = torch.nn.functional.interpolate(
        images[1::3].float(), (24, 24), mode="bicubic", antialias=True
    )
    assert (made[1::3, :, 8:, 8:].float() - small.clamp(0, 255)).abs().max() <= 0.5


def test_compressing_a_stand_in_changes_it_and_compressing_a_copy_hardly_does() -> None:
    draw = torch.Generator().manual_seed(0)
    copies = altered(natural_images(30, size=32), "jpeg50", draw)

    def change(images: torch.Tensor) -> float:
        again = altered(images, "jpeg50", draw)
        return float((again.float() - images.float()).abs().mean())

    made = stand_ins(copies)
    assert change(made[::3]) > 2 * change(copies[::3])
    assert change(made[1::3]) > 2 * change(copies[1::3])


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 5), (8, 224)])
def test_stand_ins_have_the_size_of_the_images(shape: tuple[int, int]) -> None:
    images = torch.randint(256, (4, 3, *shape), dtype=torch.uint8)
    assert stand_ins(images).shape == images.shape
    assert stand_ins(images[:1]).shape == images[:1].shape
