"""All bits of an image change places."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import Draw, ImageShape, Key, Parts, Reference, Target, TargetCard


class BitShuffle(Target):
    """One secret permutation of the bits of an image."""

    card = TargetCard(
        name="bit-shuffle",
        title="Permutation of all bits (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """An order of the bits."""
        return {"order": draw("order").permutation(8 * math.prod(image_shape))}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Move the bits."""
        return _moved(images, key.parts["order"])

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Move them back."""
        return _moved(ciphertexts, key.parts["order"].argsort())

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """The logarithm of the number of orders."""
        return math.lgamma(8 * math.prod(image_shape) + 1) / math.log(2)


def _moved(images: Tensor, order: NDArray[np.intp]) -> Tensor:
    bits = np.unpackbits(images.numpy().reshape(len(images), -1), axis=1)
    return torch.from_numpy(np.packbits(bits[:, order], axis=1).reshape(images.shape))
