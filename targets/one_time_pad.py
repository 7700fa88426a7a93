"""The one-time pad: the negative control that no attack may beat.

Each image is combined with its own uniform random bytes, so that its ciphertext is independent
of it. A score above the blind baselines here is a leak in the evaluation, not a break.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from ppattack.card import Reference
from ppattack.errors import KeyFileError
from ppattack.permxor import PermXor
from ppattack.target import Draw, ImageShape, Key, Parts, PermXorTarget, TargetCard
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from torch import Tensor


class OneTimePad(PermXorTarget):
    """A fresh uniform exclusive-or mask for each image: perfect secrecy.

    A key of :meth:`generate_key` is the pad of a single image; several images need
    :meth:`generate_keys`.

    Threat model: anything but the pad itself.

    Reference: C. E. Shannon: Communication Theory of Secrecy Systems. Bell System Technical
    Journal 28(4):656-715, 1949, doi:10.1002/j.1538-7305.1949.tb00928.x.
    """

    card = TargetCard(
        name="one-time-pad",
        title="One-time pad (negative control)",
        reference=Reference(
            "C. E. Shannon",
            "Communication Theory of Secrecy Systems",
            "Bell System Technical Journal 28(4):656-715",
            1949,
            doi="10.1002/j.1538-7305.1949.tb00928.x",
        ),
        key_scopes=("image",),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``pad``: a uniform byte for each byte of the image."""
        return {"pad": draw("pad").integers(0, 256, image_shape, dtype=np.uint8)}

    @override
    def check_key(self, images: Tensor, key: Key, shape: ImageShape) -> None:
        """Refuse to use one pad for several images, too.

        Raises:
            KeyFileError: if the pad would be used twice.
        """
        super().check_key(images, key, shape)
        if key.count is None and len(images) > 1:
            raise KeyFileError(
                f"one pad cannot serve {len(images)} images: draw one each with generate_keys "
                "(key scope 'image')."
            )

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """The identity table and the pads."""
        mask = parts["pad"].reshape(-1, math.prod(shape))
        return PermXor(np.broadcast_to(np.arange(mask.shape[1]), mask.shape), mask)

    @override
    def structure(self) -> Structure:
        return Structure("pixels")

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Eight bits per byte."""
        return 8.0 * math.prod(image_shape)
