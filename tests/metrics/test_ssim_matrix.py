"""SSIM of all pairs is the SSIM of each pair."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from ppattack.errors import ImageError
from ppattack.metrics.ssim import ssim
from ppattack.metrics.ssim_matrix import ssim_matrix
from tests.support.photographs import random_pairs, real_pairs


@pytest.mark.parametrize("size", [7, 16, 32, 45])
@pytest.mark.parametrize("pairs", [real_pairs, random_pairs])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_slow_metric_of_every_pair(size: int, pairs: object, channels: int) -> None:
    x, y = pairs(size, 14)  # type: ignore[operator]
    x, y = x[:9, :channels].contiguous(), y[:, :channels].contiguous()
    found = ssim_matrix(x, y).double()
    assert found.shape == (9, 14)
    for row, image in zip(found, x, strict=True):
        expected = ssim(image.expand_as(y).contiguous(), y, exact=True)
        assert (row - expected).abs().max() < 1e-6


def test_it_is_that_of_scikit_image() -> None:
    x, y = real_pairs(32, 7)
    found = ssim_matrix(x, y)
    for i, one in enumerate(x.numpy()):
        for j, other in enumerate(y.numpy()):
            expected = structural_similarity(one, other, channel_axis=0)
            assert float(found[i, j]) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 5))
def test_both_sides_may_change_places(seed: int, ours: int, theirs: int) -> None:
    x, y = random_pairs(9, 5, seed)
    there, back = ssim_matrix(x[:ours], y[:theirs]), ssim_matrix(y[:theirs], x[:ours])
    assert there == pytest.approx(back.T, abs=1e-6)
    assert ssim_matrix(x[:ours], x[:ours]).diagonal() == pytest.approx(torch.ones(ours), abs=1e-6)
    assert float(there.abs().max()) <= 1 + 1e-6


def test_levels_far_from_the_mean_of_their_image_cost_no_digit() -> None:
    """Windows that are almost flat, on black and on white: sums of products are largest there."""
    halves = torch.zeros(12, 1, 16, 16, dtype=torch.uint8)
    halves[:, :, :8] = 255
    halves[4:8, :, :, 5:] = 3
    halves[8:] ^= torch.randint(0, 4, (4, 1, 16, 16)).to(torch.uint8)
    found = ssim_matrix(halves, halves).double()
    for row, image in zip(found, halves, strict=True):
        expected = ssim(image.expand_as(halves).contiguous(), halves, exact=True)
        assert (row - expected).abs().max() < 1e-6


def test_many_queries_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = random_pairs(8, 11)
    whole = ssim_matrix(x, y)
    monkeypatch.setattr("ppattack.metrics.ssim_matrix.PAIRS_AT_ONCE", 30)
    assert ssim_matrix(x, y) == pytest.approx(whole, abs=1e-6)
    assert ssim_matrix(x[:0], y).shape == (0, 11)


def test_flat_images_differ_by_their_level_alone() -> None:
    levels = torch.tensor([0, 128, 255], dtype=torch.uint8)
    flat = levels[:, None, None, None].expand(3, 1, 8, 8)
    c1 = (0.01 * 255) ** 2
    mean = levels.double()
    product = mean[:, None] * mean
    expected = (2 * product + c1) / (mean[:, None] ** 2 + mean**2 + c1)
    assert ssim_matrix(flat, flat).double() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ((2, 3, 8, 8), (2, 3, 9, 9), "bring both to one size"),
        ((2, 3, 6, 8), (2, 3, 6, 8), "at least 7x7"),
        ((2, 2, 8, 8), (2, 2, 8, 8), "C must be 1 or 3"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    ours: tuple[int, ...], theirs: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        ssim_matrix(torch.zeros(ours, dtype=torch.uint8), torch.zeros(theirs, dtype=torch.uint8))
