"""Reconstructions are set upright, and judged, by what public images look like."""

from __future__ import annotations

import pytest
import torch

from ppattack.solvers.image_moments import image_moments, moments_of_many
from ppattack.solvers.naturalness import Naturalness
from tests.natural import natural_images

PUBLIC, VICTIMS = natural_images(300, 32, seed=1), natural_images(100, 32, seed=2)


def _warped(images: torch.Tensor) -> torch.Tensor:
    """Less contrast and another brightness, as a generator would have them."""
    return (images.float() * 0.7 + 30).round().to(torch.uint8)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
def test_negatives_and_colour_orders_are_undone(
    negative: bool, order: tuple[int, int, int]
) -> None:
    natural = Naturalness(PUBLIC)
    wrong = VICTIMS[:, list(order)]
    wrong = 255 - wrong if negative else wrong
    found, notes = natural.upright(wrong)
    assert torch.equal(found, VICTIMS)
    assert notes["global_state"] == "chosen by public images"
    assert natural.distance(wrong) == natural.distance(VICTIMS)


def test_the_distance_grows_as_images_get_worse() -> None:
    natural = Naturalness(PUBLIC)
    noise = torch.randint(0, 256, VICTIMS.shape, generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    flat = torch.full_like(VICTIMS, 128)
    good, grey = natural.distance(VICTIMS), natural.distance(flat)
    assert good < natural.distance(_warped(VICTIMS)) < grey
    assert good < natural.distance(noise)


def test_moments_are_those_they_are_named_for() -> None:
    images = VICTIMS[:, :, :8, :8].float() / 127.5 - 1
    found = image_moments(images)
    flat = images.flatten(1)
    assert torch.allclose(found.mean, flat.mean(0), atol=1e-5)
    assert torch.allclose(found.coarse, torch.cov(flat.T), atol=1e-4)
    patches = torch.stack(
        [
            images[:, :, row : row + 4, column : column + 4].flatten(1)
            for row in (0, 2, 4)
            for column in (0, 2, 4)
        ]
    ).flatten(0, 1)
    assert torch.allclose(found.fine, patches.T @ patches / len(patches), atol=1e-4)
    assert float(found.distance(found)) == 0


def test_moments_tell_which_blocks_were_moved() -> None:
    own = moments_of_many(PUBLIC)
    moved = VICTIMS.roll(16, dims=-1)
    assert float(own.distance(moments_of_many(VICTIMS))) < float(
        own.distance(moments_of_many(moved))
    )
