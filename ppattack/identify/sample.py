"""The ciphertexts that are looked at, and what several properties compute from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

MIDDLE = 127.5
"""A byte and its complement lie on both sides of it."""
NIBBLE_MIDDLE = 7.5
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Brightness of red, green and blue (JFIF)."""
NIBBLE_LEVELS = 8
"""Levels of a half-byte that does not differ from its complement."""


@dataclass(frozen=True)
class Sample:
    """Ciphertexts of one size.

    Args:
        images: ``(N, C, H, W)`` uint8, C of 1 or 3.
    """

    images: Bytes

    @classmethod
    def of(cls, images: Bytes) -> Sample:
        """Some images; one channel of those whose channels are all the same, as of grey ones."""
        same = bool((images == images[:, :1]).all())
        return cls(images[:, :1] if same else images)

    @property
    def count(self) -> int:
        """N."""
        return len(self.images)

    @property
    def edges(self) -> tuple[int, int]:
        """H and W."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    @cached_property
    def signed(self) -> Floats:
        """Bytes less their middle, ``(N, C, H, W)``: a complement changes the sign."""
        made: Floats = self.images.astype(np.float32) - np.float32(MIDDLE)
        return made

    @cached_property
    def folded(self) -> Floats:
        """``|v - 127.5|``, ``(N, C, H, W)``: a complement changes nothing."""
        made: Floats = np.abs(self.signed)
        return made

    @cached_property
    def nibbles(self) -> Floats:
        """Half-bytes less their middle, ``(N, 2C, H, W)``, the low ones first."""
        halves = np.concatenate([self.images & 15, self.images >> 4], axis=1)
        made: Floats = halves.astype(np.float32) - np.float32(NIBBLE_MIDDLE)
        return made

    @cached_property
    def levels(self) -> Floats:
        """How many half-bytes of a pixel have each folded level, ``(N, 8, H, W)``."""
        low, high = self.images & 15, self.images >> 4
        low, high = np.minimum(low, 15 - low), np.minimum(high, 15 - high)
        planes = [((low == i).sum(1) + (high == i).sum(1)) for i in range(NIBBLE_LEVELS)]
        made: Floats = np.stack(planes, axis=1).astype(np.float32)
        return made

    @cached_property
    def brightness(self) -> Floats:
        """Brightness less its middle, ``(N, 1, H, W)``: all that JPEG with halved colours keeps."""
        if self.images.shape[1] != len(LUMA):
            return self.signed[:, :1]
        made: Floats = np.einsum("nchw,c->nhw", self.signed, LUMA)[:, None]
        return made


def step_profile(values: Floats, apart: int = 1) -> tuple[Floats, Floats]:
    """Mean squared difference between pixels so far apart, by place.

    Args:
        values: ``(N, C, H, W)``.
        apart: pixels.

    Returns:
        ``(W - apart,)`` from each column to that to the right, ``(H - apart,)`` from each row to
        that below.
    """
    across = np.square(values[..., apart:] - values[..., :-apart]).mean(axis=(0, 1, 2))
    down = np.square(values[..., apart:, :] - values[..., :-apart, :]).mean(axis=(0, 1, 3))
    return across, down


def primes_of(number: int) -> list[int]:
    """The different prime divisors of a number."""
    return [p for p in range(2, number + 1) if not number % p and all(p % q for q in range(2, p))]


def common_blocks(edges: tuple[int, int], largest: int) -> list[int]:
    """Edges of blocks, 2 pixels or more, that fit both edges and leave two blocks along one."""
    height, width = edges
    return [
        b for b in range(2, min(largest, max(edges) // 2) + 1) if not height % b and not width % b
    ]


def block_sums(planes: Floats, block: int, top: int = 0, left: int = 0) -> Floats:
    """Sums over the blocks of a grid that begins at ``(top, left)``, ``(N, P, rows, columns)``."""
    cut = planes[:, :, top:, left:]
    count, depth, height, width = cut.shape
    rows, columns = height // block, width // block
    cut = cut[:, :, : rows * block, : columns * block]
    # Sums of whole rows first: numpy is slow over short inner axes.
    down = cut.reshape(count, depth, rows, block, columns * block).sum(axis=3)
    across = [down[..., place::block] for place in range(block)]
    made: Floats = np.add.reduce(across)
    return made
