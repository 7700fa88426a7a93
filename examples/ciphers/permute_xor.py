"""A chaotic cipher: bytes change places, then each is combined with a byte of a keystream."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import Draw, ImageShape, Key, Parts, Reference, Target, TargetCard


def logistic(start: float, count: int) -> NDArray[np.float64]:
    """``count`` numbers of the logistic map ``x -> 3.99 x (1 - x)``."""
    values = np.empty(count)
    for i in range(count):
        start = values[i] = 3.99 * start * (1 - start)
    return values


class PermuteXor(Target):
    """The order of one chaotic sequence moves the bytes, the digits of another mask them."""

    card = TargetCard(
        name="permute-xor",
        title="Logistic permutation and XOR (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Where the two sequences start."""
        return {"start": draw("start").uniform(0.1, 0.9, 2)}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Move, then mask."""
        order, keystream = self._secrets(key)
        moved = images.numpy().reshape(len(images), -1)[:, order]
        return torch.from_numpy((moved ^ keystream).reshape(images.shape))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Unmask, then move back."""
        order, keystream = self._secrets(key)
        moved = ciphertexts.numpy().reshape(len(ciphertexts), -1) ^ keystream
        return torch.from_numpy(moved[:, order.argsort()].reshape(ciphertexts.shape))

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Two double-precision numbers."""
        return 2 * 52.0

    def _secrets(self, key: Key) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        size, (first, second) = math.prod(key.image_shape), key.parts["start"]
        keystream = (logistic(second, size) * 1e6 % 256).astype(np.uint8)
        return logistic(first, size).argsort(), keystream
