from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack import images
from ppattack.errors import ImageError


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((1, 3, 4, 4), np.uint8), "ndarray.*from_numpy"),
        (torch.rand(1, 3, 4, 4), r"float32 and values .*from_float"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"\(3, 4, 4\), not \(N, C, H, W\)"),
        (torch.zeros(1, 4, 4, 3, dtype=torch.uint8), "channels last"),
        (torch.zeros(1, 2, 4, 4, dtype=torch.uint8), "C must be 1 or 3"),
        (torch.zeros(1, 3, 0, 4, dtype=torch.uint8), "at least one pixel"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int64), "int64"),
        (None, "NoneType"),
    ],
)
def test_what_breaks_the_convention_is_named(value: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        images.check(value, "pictures")


def test_every_level_survives_the_way_to_float_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(images.from_float(images.to_float(levels)), levels)


def test_floats_are_rounded_and_clipped_never_truncated() -> None:
    values = torch.tensor([-1.0, 0.0, 0.9999, 254.6 / 255, 2.0])
    assert images.from_float(values).tolist() == [0, 0, 255, 255, 255]
    with pytest.raises(ImageError, match="NaN"):
        images.from_float(torch.tensor([float("nan")]))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8))
def test_padding_repeats_the_border_and_is_undone_by_cropping(h: int, w: int, b: int) -> None:
    x = torch.arange(h * w, dtype=torch.uint8).view(1, 1, h, w)
    padded = images.pad_to_multiple(x, b)
    assert padded.shape[2] % b == 0
    assert padded.shape[3] % b == 0
    assert padded.shape[2] - h < b
    assert torch.equal(images.crop(padded, h, w), x)
    assert (padded[..., h:, :w] == x[..., -1:, :]).all()
    assert (padded[..., :h, w:] == x[..., :, -1:]).all()
