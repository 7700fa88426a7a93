"""Every metric of pairs refuses, in one line, what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.pairs import chunks
from ppattack.metrics.psnr import mse, psnr
from ppattack.metrics.ssim import ssim

Pair = Callable[[Any, Any], Tensor]
GOOD = torch.zeros((2, 3, 32, 32), dtype=torch.uint8)


@pytest.fixture(params=["ssim", "mse", "psnr", "lpips"])
def metric(request: pytest.FixtureRequest) -> Pair:
    known: dict[str, Pair] = {"ssim": ssim, "mse": mse, "psnr": psnr}
    if request.param == "lpips":
        lpips: Lpips = request.getfixturevalue("alex")
        return lpips
    return known[request.param]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((2, 3, 32, 32), np.uint8), "torch.from_numpy"),
        (GOOD.float(), "from_float"),
        (GOOD[0], "batch axis"),
        (GOOD.permute(0, 2, 3, 1), "channels last"),
        (GOOD[:, :2], "C must be 1 or 3"),
        (GOOD[..., :0], "at least one pixel"),
        (GOOD[:1], "same number"),
        (GOOD[:, :1], "same number, channels and size"),
        (GOOD[..., :31], "ppattack.images.crop"),
    ],
)
def test_what_cannot_be_compared_is_refused(metric: Pair, bad: Any, message: str) -> None:
    for pair in ((bad, GOOD), (GOOD, bad)):
        with pytest.raises(ImageError, match=message) as caught:
            metric(*pair)
        assert "\n" not in str(caught.value)


def test_images_on_two_devices_are_refused() -> None:
    with pytest.raises(ImageError, match=r"move one with x\.to"):
        mse(GOOD, GOOD.to("meta"))


@pytest.mark.parametrize(("count", "step"), [(0, 3), (1, 3), (3, 3), (7, 3), (5, 0)])
def test_chunks_cover_everything_once(count: int, step: int) -> None:
    found = [i for part in chunks(count, step) for i in range(count)[part]]
    assert found == list(range(count))
    assert all(len(range(count)[part]) <= max(step, 1) for part in chunks(count, step))
