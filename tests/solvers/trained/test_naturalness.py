"""Reconstructions are set upright, and judged, by what public images look like."""

from __future__ import annotations

import pytest
import torch

from ppattack.solvers.trained.image_moments import image_moments, moments_of_many
from ppattack.solvers.trained.naturalness import Naturalness
from tests.conftest import smooth_images
from tests.support.natural import natural_images

PUBLIC, VICTIMS = natural_images(300, 32, seed=1), natural_images(100, 32, seed=2)


def _warped(images: torch.Tensor) -> torch.Tensor:
    """Less contrast and another brightness, as a generator would have them."""
    return (images.float() * 0.7 + 30).round().to(torch.uint8)


@pytest.mark.parametrize("negative", [False, True])
def test_negatives_are_undone(negative: bool) -> None:
    natural = Naturalness(PUBLIC)
    given = _warped(255 - VICTIMS if negative else VICTIMS)
    found, notes = natural.upright(given)
    assert torch.equal(found, 255 - given if negative else given)
    assert notes["complemented"] == negative
    assert (notes["complement_certainty"] > 3) == negative
    assert natural.distance(given) == natural.distance(found)


def test_a_negative_that_has_the_histogram_of_images_is_found_out() -> None:
    """Every level becomes the one of the same rank among those of the images."""
    natural = Naturalness(PUBLIC)
    levels = VICTIMS.flatten().sort().values
    order = (255 - VICTIMS).flatten().argsort()
    made = torch.empty_like(VICTIMS).flatten()
    made[order] = levels
    assert torch.equal(made.sort().values, levels)
    found, _ = natural.upright(made.view_as(VICTIMS))
    assert not torch.equal(found, made.view_as(VICTIMS))


def test_without_a_layout_images_are_left_as_they_are() -> None:
    """Nothing says which of both signs is right, and a guess could only do harm."""
    natural = Naturalness(smooth_images(300, 32, seed=1))
    images = smooth_images(100, 32, seed=2)
    for given in (images, 255 - images):
        assert torch.equal(natural.upright(given)[0], given)


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
