"""The cipher under test: a keystream over the bytes of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ppattack import (
    Draw,
    ImageShape,
    Parts,
    PermXor,
    PermXorTarget,
    Reference,
    TargetCard,
)


class StreamCipher(PermXorTarget):
    """Exclusive-or with a keystream as long as the image.

    Reference: the ppattack authors: Worked example. ppattack, 2026.
    """

    card = TargetCard(
        name="stream-cipher",
        title="Stream cipher (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """One byte of keystream for each byte of the image."""
        return {"keystream": draw("keystream").integers(0, 256, image_shape, dtype=np.uint8)}

    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Nothing moves; every byte is masked."""
        mask = parts["keystream"].reshape(-1, math.prod(shape))
        return PermXor(np.broadcast_to(np.arange(mask.shape[1]), mask.shape), mask)

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Eight bits per byte."""
        return 8.0 * math.prod(image_shape)
