"""A fixed public transformation: the positive control for trained attacks.

Every pixel becomes its complement and the colours rotate, always in the same way. Nothing is
secret, so whatever learns from examples must undo it; an attack that does not, or a budget that is
too small, says nothing about a scheme that it fails to break.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from ppattack.card import Reference
from ppattack.permxor import PermXor
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.structure import Structure


class Keyless(PermXorTarget):
    """``y = 255 - x`` with the channels rotated R to G to B to R; grey images only inverted.

    Threat model: none; it has no key, and any trained attack must break it.

    Reference: the ppattack authors: Keyless control. ppattack, 2026.
    """

    card = TargetCard(
        name="keyless",
        title="Keyless control: complement and colour rotation",
        reference=Reference("the ppattack authors", "Keyless control", "ppattack", 2026),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """There is no key."""
        return {}

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """One table, for every image."""
        numbers = np.arange(math.prod(shape)).reshape(shape)
        index = np.roll(numbers, 1, axis=0).reshape(1, -1)
        return PermXor(index, np.full(index.shape, 255, np.uint8))

    @override
    def structure(self) -> Structure:
        return Structure("pixels", colours=True)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Zero."""
        return 0.0
