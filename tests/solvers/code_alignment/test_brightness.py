"""The mean brightness of images, from how other components depend on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.solvers.code_alignment.brightness import Brightness, brightness_leak, brightness_shift


def _cloud(mean: float, seed: int) -> tuple[Tensor, float]:
    """``(300, 20, 3)``: two components bend with the first, all less their mean; the first mean."""
    generator = torch.Generator().manual_seed(seed)
    brightness = mean + 0.7 * torch.randn(300, 20, generator=generator)
    brightness = brightness + 0.7 * torch.randn(300, 1, generator=generator)
    noise = 0.2 * torch.randn(300, 20, 2, generator=generator)
    bent = torch.stack([brightness.square(), brightness.sin()], dim=2) + noise
    cloud = torch.cat([brightness[..., None], bent], dim=2)
    return cloud - cloud.mean(dim=(0, 1)), float(brightness.mean())


LEAK = torch.tensor([0.0, 0.3, -0.2])


@pytest.mark.parametrize("difference", [-0.3, 0.0, 0.3])
def test_a_share_of_the_brightness_in_other_components_comes_back(difference: float) -> None:
    (victims, bright), (own, dark) = _cloud(0.1 + difference, 1), _cloud(0.1, 2)
    leaking = victims + victims[..., :1] * LEAK
    plain = brightness_leak(victims, own, dark - bright)
    assert plain.tolist() == pytest.approx([0, 0, 0], abs=0.03)
    found = brightness_leak(leaking, own, dark - bright)
    assert found.tolist() == pytest.approx(LEAK.tolist(), abs=0.03)
    assert found[0] == 0
    step = 0.05
    slope = (brightness_leak(leaking, own, dark - bright + step) - found) / step
    seen = Brightness.between(leaking, own)
    assert seen.slope.tolist() == pytest.approx(slope.tolist(), abs=0.3)
    error = seen.leak - LEAK - seen.slope * (seen.shift - (dark - bright))
    assert error.abs().max() < 0.05  # what it is wrong by follows from what the shift is wrong by
    assert seen.doubt > 0


@pytest.mark.parametrize("difference", [-0.4, 0.0, 0.4])
def test_the_difference_of_the_means_comes_back(difference: float) -> None:
    (victims, bright), (own, dark) = _cloud(0.1 + difference, 1), _cloud(0.1, 2)
    # Own components count from a mean that is lower by the difference: they have to be lowered.
    shift, doubt = brightness_shift(victims, own)
    assert shift == pytest.approx(dark - bright, abs=0.1)
    assert 0 < doubt < 0.1**2
