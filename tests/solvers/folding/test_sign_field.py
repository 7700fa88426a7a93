"""The field of sides: planted images, laws, and what counting sides says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.seeding import numpy_stream
from ppattack.solvers.folding import sign_field
from ppattack.solvers.folding.learned_fold import distances
from tests.conftest import smooth_images


def test_bright_images_are_read_as_bright_where_public_ones_are() -> None:
    dark = (smooth_images(8).double() * 0.4).to(torch.uint8)
    bright = 255 - dark
    for plain in (dark, bright):
        odds = sign_field.side_odds(plain[4:])
        assert torch.equal(sign_field.solve(255 - plain[:4], odds) > 127, plain[:4] > 127)


def test_without_public_images_everything_is_dark() -> None:
    images = smooth_images(4)
    assert bool((sign_field.solve(images) <= 128).all())


def test_a_ramp_through_mid_grey_loosens_its_neighbours_and_a_valley_does_not() -> None:
    ramp = torch.linspace(-0.4, 0.4, 8).view(1, 1, 1, 8).expand(1, 1, 8, 8)
    ties = sign_field._ties(ramp.abs(), 3)[0, 0, 0]
    assert int(ties.argmin()) == 3  # between pixels 3 and 4 it crosses
    valley = 0.3 + ramp**2
    assert float(ties.min()) < float(sign_field._ties(valley, 3)[0, 0, 0, 3])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1, 3]), st.integers(2, 9), st.integers(2, 9))
def test_no_complement_changes_what_is_read(
    seed: int, channels: int, height: int, width: int
) -> None:
    rng = numpy_stream(seed)
    images = torch.from_numpy(rng.integers(0, 256, (3, channels, height, width), dtype=np.uint8))
    mask = torch.from_numpy(rng.integers(0, 2, tuple(images.shape), dtype=np.uint8) * 255)
    odds = sign_field.side_odds(images)
    assert torch.equal(sign_field.solve(images ^ mask, odds), sign_field.solve(images, odds))


def test_odds_count_the_sides_of_rows_that_lie_near() -> None:
    images = torch.zeros(5, 1, 32, 4, dtype=torch.uint8)
    images[:, :, :16] = 255
    odds = sign_field.side_odds(images)[0, :, -1]
    assert bool((odds[:12] > 0).all())
    assert bool((odds[20:] < 0).all())
    assert float(odds[0]) == pytest.approx(math.log(5 * 5 * 4 + 1))
    assert float(distances(images).min()) == 1.0
