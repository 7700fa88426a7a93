"""No encryption: the upper limit for every attack and the reference for every score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from ppattack.card import Reference
from ppattack.permxor import PermXor
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.structure import Structure


class Plain(PermXorTarget):
    """The identity: the ciphertext is the plain image, and there is no key.

    Reference: the ppattack authors: No encryption. ppattack, 2026.
    """

    card = TargetCard(
        name="plain",
        title="No encryption",
        reference=Reference("the ppattack authors", "No encryption", "ppattack", 2026),
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
        """One identity table, for every image."""
        symbols = math.prod(shape)
        return PermXor(np.arange(symbols)[None], np.zeros((1, symbols), np.uint8))

    @override
    def structure(self) -> Structure:
        return Structure("none")

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Zero."""
        return 0.0
