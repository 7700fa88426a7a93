"""The mean brightness of images, from how other components depend on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.solvers.code_alignment.brightness import brightness_shift


def _cloud(mean: float, seed: int) -> Tensor:
    """Two components that bend with the first, counted from their mean: ``(300, 20, 3)``."""
    generator = torch.Generator().manual_seed(seed)
    brightness = mean + 0.7 * torch.randn(300, 20, generator=generator)
    brightness = brightness + 0.7 * torch.randn(300, 1, generator=generator)
    noise = 0.2 * torch.randn(300, 20, 2, generator=generator)
    bent = torch.stack([brightness.square(), brightness.sin()], dim=2) + noise
    cloud = torch.cat([brightness[..., None], bent], dim=2)
    return cloud - cloud.mean(dim=(0, 1))


@pytest.mark.parametrize("difference", [-0.4, 0.4])
def test_the_difference_of_the_means_comes_back(difference: float) -> None:
    victims, own = _cloud(0.1 + difference, 1), _cloud(0.1, 2)
    # Own components count from a mean that is lower by the difference: they have to be lowered.
    # So large a difference between two random sets is unlikely: the answer is drawn to zero.
    assert 0.4 < brightness_shift(victims, own) / -difference < 1.1


def test_equal_means_need_no_shift() -> None:
    assert brightness_shift(_cloud(0.1, 1), _cloud(0.1, 2)) == pytest.approx(0, abs=0.06)
