"""Random changes of training images, before and after they are encrypted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.classification.settings import TrainingConfig

MOST_SHIFT = 4
SMALLEST_CUT = 0.05
OPERATIONS = 2
"""Changes that RandAugment makes."""
SEEDS = 1 << 62


def change_images(images: Tensor, config: TrainingConfig, rng: np.random.Generator) -> Tensor:
    """Images mirrored, moved, cut and changed in colour.

    Args:
        images: ``(N, C, H, W)`` uint8.
        config: which changes to make.
        rng: on the CPU.
    """
    if config.rand_augment:
        from torchvision.transforms.v2 import RandAugment

        images = _one_by_one(images, RandAugment(OPERATIONS), rng)
    if config.crop == "shift":
        images = shift(images, rng.integers(0, 2 * MOST_SHIFT + 1, (2, len(images))))
    elif config.crop == "resized":
        from torchvision.transforms.v2 import RandomResizedCrop

        edges = images.shape[-2], images.shape[-1]
        cut = RandomResizedCrop(edges, scale=(SMALLEST_CUT, 1.0), antialias=True)
        images = _one_by_one(images, cut, rng)
    if config.flip:
        mirrored = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return images


def change_inputs(
    inputs: Tensor, labels: Tensor, classes: int, config: TrainingConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Network inputs erased in part, blended and pasted into one another, and their targets.

    A batch has one kind of mixture: the first input is mixed with the last, the second with the
    last but one, and so on. Tokens are blended but never pasted.

    Args:
        inputs: ``(N, C, H, W)`` or ``(N, P, D)`` float.
        labels: ``(N,)`` int64.
        classes: how many there are.
        config: which changes to make.
        rng: on the CPU.

    Returns:
        the inputs, and the share of each class in them, ``(N, classes)``.
    """
    targets = functional.one_hot(labels, classes).float()
    images = inputs.ndim == 4
    if config.erasing and images:
        from torchvision.transforms.v2 import RandomErasing

        inputs = _one_by_one(inputs, RandomErasing(config.erasing), rng)
    kinds = [kind for kind, used in _kinds(config, images=images).items() if used]
    if not kinds:
        return inputs, targets
    kind = kinds[int(rng.integers(len(kinds)))]
    if kind == "mixup":
        share = float(rng.beta(config.mixup, config.mixup))
        inputs = share * inputs + (1 - share) * inputs.flip(0)
    else:
        inputs, share = _pasted(inputs, float(rng.beta(config.cutmix, config.cutmix)), rng)
    return inputs, share * targets + (1 - share) * targets.flip(0)


def shift(images: Tensor, corners: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Tensor:
    """Images surrounded by 4 black pixels and cut out again at other places.

    Args:
        images: ``(N, C, H, W)``.
        corners: ``(2, N)``, first row and column of each cut, 0 to 8; 4 leaves an image as it is.
    """
    count, _, height, width = images.shape
    padded = functional.pad(images, [MOST_SHIFT] * 4)
    top, left = torch.from_numpy(corners).to(images.device)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    each = torch.arange(count, device=images.device)[:, None, None]
    cut = padded[each, :, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
    return cut.permute(0, 3, 1, 2).contiguous()


def _kinds(config: TrainingConfig, *, images: bool) -> dict[str, bool]:
    return {"mixup": config.mixup > 0, "cutmix": config.cutmix > 0 and images}


def _pasted(inputs: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """Every input with a rectangle of another pasted in, and the share that is left of it."""
    height, width = inputs.shape[-2:]
    edges = [round(edge * (1 - share) ** 0.5) for edge in (height, width)]
    middle = [int(rng.integers(edge)) for edge in (height, width)]
    (top, bottom), (left, right) = (
        (max(0, at - edge // 2), min(whole, at + (edge + 1) // 2))
        for at, edge, whole in zip(middle, edges, (height, width), strict=True)
    )
    made = inputs.clone()
    made[..., top:bottom, left:right] = inputs.flip(0)[..., top:bottom, left:right]
    return made, 1 - (bottom - top) * (right - left) / (height * width)


def _one_by_one(
    images: Tensor, change: Callable[[Tensor], Tensor], rng: np.random.Generator
) -> Tensor:
    """Each image changed by its own random numbers; torchvision uses the global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(rng.integers(SEEDS)))
        return torch.stack([change(image) for image in images])
