"""Photographs to attack, and what an attack gains on them: for tests of single attacks."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data, metrics
from torch import Tensor

from ppattack.attack import Attack, Context, Recovery
from ppattack.data.source import ImageSets
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from ppattack.threat import KeyScope

CONTEXT = Context(torch.device("cpu"), seed=2**127 + 11)
DATA: Any = data
METRICS: Any = metrics


def crops(photo: NDArray[np.uint8], count: int, seed: int) -> Tensor:
    """Crops of 96 pixels, every third pixel kept."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, np.array(photo.shape[:2]) - 96, (count, 2))
    cut = [photo[row : row + 96 : 3, column : column + 96 : 3] for row, column in places]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()


@cache
def photos() -> ImageSets:
    """40 victims of two photographs, 40 public images of two others."""
    victims = torch.cat([crops(DATA.astronaut(), 20, 1), crops(DATA.coffee(), 20, 2)])
    public = torch.cat([crops(DATA.chelsea(), 20, 3), crops(DATA.rocket(), 20, 4)])
    return ImageSets("photographs", victims, public)


def make(name: str, **settings: Any) -> Target:
    """A registered target."""
    return registry.target(name)(**settings)


def attacked(
    attack: Attack, target: Target, sets: ImageSets | None = None, scope: KeyScope = "dataset"
) -> tuple[Recovery, Scenario]:
    """What comes back, and what it was tried on."""
    scenario = simulate(attack, target, sets or photos(), scope, seed=7)
    return attack(scenario.observation, CONTEXT), scenario


def ssim(images: Tensor | None, plain: Tensor | None) -> NDArray[np.float64]:
    """By scikit-image, image by image."""
    assert images is not None
    assert plain is not None
    pairs = zip(images.movedim(1, 3).numpy(), plain.movedim(1, 3).numpy(), strict=True)
    return np.array([METRICS.structural_similarity(a, b, channel_axis=2) for a, b in pairs])


def gain(recovery: Recovery, scenario: Scenario) -> float:
    """Mean SSIM over the better of the mean public image and the ciphertext."""
    plain = scenario.truth.images
    assert plain is not None
    mean = scenario.sets.adversary.double().mean(0).round().to(torch.uint8)
    blind = [mean.expand_as(plain), scenario.observation.ciphertexts]
    best = max(float(ssim(images, plain).mean()) for images in blind)
    return float(ssim(recovery.images, plain).mean()) - best
