"""Images in classes that anybody can tell apart, and that few keys hide."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.attack import Attack
from ppattack.data.source import ImageSets
from tests.conftest import smooth_images, smooth_sets

CLASSES = ("grey", "dim", "dark")
LEVELS, CONTRASTS = (128.0, 80.0, 40.0), (0.5, 0.3, 0.15)
"""Of each class: the darker, the farther from mid-grey, whatever is complemented."""
LEARNT_FROM = 160
"""Public images of an attack that learns classes, which needs more than others."""


def in_classes(count: int, size: int = 32, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images ``(N, 3, size, size)`` uint8 of the classes in turn, and their class."""
    labels = torch.arange(count) % len(CLASSES)
    level, contrast = (
        torch.tensor(each)[labels][:, None, None, None] for each in (LEVELS, CONTRASTS)
    )
    images = smooth_images(count, size, seed=seed).float()
    return ((images - 127.5) * contrast + level).round().to(torch.uint8), labels


def class_sets(victims: int, adversary: int, size: int = 32, seed: int = 0) -> ImageSets:
    """Disjoint images of the classes for both sides."""
    images, labels = in_classes(victims + adversary, size, seed)
    return ImageSets(
        "classes",
        images[:victims],
        images[victims:],
        classes=CLASSES,
        victim_labels=labels[:victims],
        adversary_labels=labels[victims:],
    )


def labelled_sets(victims: int, adversary: int, attack: Attack) -> ImageSets:
    """Smooth images of 32 pixels; in classes if the attack needs to know these."""
    if attack.requires().names_classes:
        return class_sets(victims, max(adversary, LEARNT_FROM))
    return smooth_sets(victims=victims, adversary=adversary, size=32)
