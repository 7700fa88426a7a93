"""What a view undoes, and what it must leave alone."""

from __future__ import annotations

import torch

from ppattack.data.alterations import DIRECTIONS, brighter, degraded, shifted
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
