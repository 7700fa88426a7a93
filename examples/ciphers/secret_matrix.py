"""A linear cipher: every block of an image times a secret matrix, the same or its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import (
    Doc,
    Draw,
    ImageShape,
    Interval,
    Key,
    Parts,
    Reference,
    Target,
    TargetCard,
    blocks,
)

CONTRAST = 1 / 3


class SecretMatrix(Target):
    """Every block times a secret matrix, at a third of the contrast."""

    card = TargetCard(
        name="secret-matrix",
        title="Secret matrix (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
        invertible=False,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        orthogonal: Annotated[bool, Doc("or else of independent normal numbers")] = True
        own: Annotated[bool, Doc("a matrix for every block instead of one for all")] = False
        block_size: Annotated[int, Interval(ge=1), Doc("edge of blocks, pixels")] = 4

    @property
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return int(self.config.block_size)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """48x48 for colour, 16x16 for grey images and blocks of 4 pixels; one or one a block."""
        channels, height, width = image_shape
        size = int(channels * self.config.block_size**2)
        count = channels * height * width // size if self.config.own else 1
        matrix = draw("matrix").normal(size=(count, size, size))
        return {"matrix": np.linalg.qr(matrix)[0] if self.config.orthogonal else matrix / size**0.5}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Turn; what leaves the range of a byte is clipped."""
        return self._turned(self.representation().prepare(images), key.parts["matrix"] * CONTRAST)

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Turn back, as far as rounding and clipping allow."""
        turned = self._turned(ciphertexts, np.linalg.inv(key.parts["matrix"] * CONTRAST))
        return self.representation().restore(turned, key.image_shape)

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """A double-precision number for every degree of freedom."""
        channels, height, width = image_shape
        size = int(channels * self.config.block_size**2)
        count = channels * height * width // size if self.config.own else 1
        return 52.0 * count * size * (size - 1) / 2

    def _turned(self, images: Tensor, matrix: NDArray[np.floating]) -> Tensor:
        tiles = blocks.split(images.numpy(), self.config.block_size)  # (N, n, C, b, b)
        rows = tiles.reshape(*tiles.shape[:2], 1, -1) - 127.5
        made = (rows @ matrix + 127.5).round().clip(0, 255).astype(np.uint8).reshape(tiles.shape)
        return torch.from_numpy(blocks.merge(made, *images.shape[2:]))
