"""The mean brightness of images, from how other components depend on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.solvers.code_alignment.brightness import brightness_shift


def _cloud(mean: float, seed: int) -> tuple[Tensor, float]:
    """``(300, 20, 3)``: two components bend with the first, all less their mean; the first mean."""
    generator = torch.Generator().manual_seed(seed)
    brightness = mean + 0.7 * torch.randn(300, 20, generator=generator)
    brightness = brightness + 0.7 * torch.randn(300, 1, generator=generator)
    noise = 0.2 * torch.randn(300, 20, 2, generator=generator)
    bent = torch.stack([brightness.square(), brightness.sin()], dim=2) + noise
    cloud = torch.cat([brightness[..., None], bent], dim=2)
    return cloud - cloud.mean(dim=(0, 1)), float(brightness.mean())


@pytest.mark.parametrize("difference", [-0.4, 0.0, 0.4])
def test_the_difference_of_the_means_comes_back(difference: float) -> None:
    (victims, bright), (own, dark) = _cloud(0.1 + difference, 1), _cloud(0.1, 2)
    # Own components count from a mean that is lower by the difference: they have to be lowered.
    shift, doubt = brightness_shift(victims, own)
    assert shift == pytest.approx(dark - bright, abs=0.1)
    assert 0 < doubt < 0.1**2
