"""Images on their way into a classifier: changed at random, encrypted, then made into numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.classification.augmentation import SEEDS, change_images, change_inputs
from ppattack.classification.models import Family
from ppattack.classification.settings import TrainingConfig
from ppattack.seeding import numpy_stream
from ppattack.target.base import Target
from ppattack.target.calls import encrypt
from ppattack.target.key import Key


@dataclass(frozen=True)
class EncryptedInputs:
    """What stands between plain images and a classifier.

    Args:
        target: the scheme; ``plain`` for none.
        key: one for all images; None for a fresh one each time an image is encrypted.
        config: how training images are changed.
        classes: how many there are.
        centred: whether pixels are scaled to [-1, 1] instead of [0, 1].
    """

    target: Target
    key: Key | None
    config: TrainingConfig
    classes: int
    centred: bool

    def __call__(
        self, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """A training batch.

        Args:
            images: ``(N, C, H, W)`` uint8, plain.
            labels: ``(N,)`` int64.
            generator: on the CPU.

        Returns:
            inputs, and the share of each class in each, ``(N, classes)``.
        """
        rng = numpy_stream(int(torch.randint(SEEDS, (), generator=generator)), "augmentation")
        inputs = self.encrypt(change_images(images, self.config, rng), rng)
        inputs, targets = change_inputs(inputs, labels, self.classes, self.config, rng)
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs, targets

    def encrypt(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Float inputs of plain images ``(N, C, H, W)`` uint8; tokens are given as they are."""
        key = self._fresh_keys(images, rng) if self.key is None else self.key
        ciphertexts = encrypt(self.target, images.contiguous(), key, rng)
        if ciphertexts.dtype != torch.uint8:
            return ciphertexts
        pixels = ciphertexts.float().div_(255.0)
        return pixels.sub_(0.5).div_(0.5) if self.centred else pixels

    def _fresh_keys(self, images: Tensor, rng: np.random.Generator) -> Key:
        count, channels, height, width = images.shape
        return self.target.generate_keys([rng] * count, (channels, height, width))


def is_centred(family: Family) -> bool:
    """Whether a family of classifiers takes pixels in [-1, 1]; the ShakeDrop papers' does not."""
    return family != "shakedrop"
