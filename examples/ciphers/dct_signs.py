"""A transform-domain cipher: the signs of the DCT coefficients of every block are flipped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import dctn, idctn
from torch import Tensor

from ppattack import Draw, ImageShape, Key, Parts, Reference, Target, TargetCard

EDGE = 8
"""Pixels along a block."""


class DctSigns(Target):
    """Half of the 8x8 DCT coefficients, at secret places, change their sign."""

    card = TargetCard(
        name="dct-signs",
        title="Signs of DCT coefficients (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
        invertible=False,
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    @property
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return EDGE

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """A sign for every coefficient of the image."""
        return {"signs": draw("signs").choice([-1, 1], self.padded_shape(image_shape))}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Flip signs; what leaves the range of a byte is clipped."""
        prepared = self.representation().prepare(images).numpy()
        shape = prepared.shape
        rows, columns = shape[2] // EDGE, shape[3] // EDGE
        tiled = (*shape[:2], rows, EDGE, columns, EDGE)
        values = dctn(prepared.reshape(tiled) - 128.0, axes=(3, 5), norm="ortho")
        values *= key.parts["signs"].reshape(tiled[1:])
        made = idctn(values, axes=(3, 5), norm="ortho").reshape(shape) + 128
        return torch.from_numpy(made.round().clip(0, 255).astype(np.uint8))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Flip them back, as far as rounding and clipping allow."""
        return self.representation().restore(self.encrypt(ciphertexts, key), key.image_shape)

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """One bit per coefficient."""
        return float(math.prod(self.padded_shape(image_shape)))
