"""Ciphers whose keystream depends on the plain image through a number that ignores order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ppattack.target import Key
from tests.support.plugins.ciphers import Bytes, Masked


class KeyedBySum(Masked):
    """A keystream from the key and the sum of all bytes."""

    card = replace(Masked.card, name="keyed-by-sum", invertible=False)

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Image by image."""
        secret = key.parts["mask"].ravel()[:8].astype(int)
        made = []
        for row in plain:
            rng = np.random.default_rng([*secret, *self.numbers(row, key.image_shape)])
            made.append(self.encrypted(row, rng))
        return np.stack(made)

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """What decides the keystream."""
        return np.array([row.sum(dtype=np.int64)])

    def encrypted(self, row: Bytes, rng: np.random.Generator) -> Bytes:
        """Exclusive-or with a keystream."""
        made: Bytes = row ^ rng.integers(0, 256, row.size, dtype=np.uint8)
        return made


class KeyedByMean(KeyedBySum):
    """Bytes change places, then a keystream: both from the mean level, rounded down."""

    card = replace(KeyedBySum.card, name="keyed-by-mean")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """One of 256."""
        return np.array([int(row.mean())])

    def encrypted(self, row: Bytes, rng: np.random.Generator) -> Bytes:
        """Permute and mask."""
        return super().encrypted(row[rng.permutation(row.size)], rng)


class KeyedByParity(KeyedByMean):
    """The same, from the exclusive-or of all bytes."""

    card = replace(KeyedBySum.card, name="keyed-by-parity")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """One of 256."""
        return np.bitwise_xor.reduce(row, keepdims=True).astype(int)


class KeyedBySumModulo(KeyedBySum):
    """A keystream that is added, from the sum of all bytes modulo 256."""

    card = replace(KeyedBySum.card, name="keyed-by-sum-modulo")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """One of 256."""
        return np.array([row.sum(dtype=np.int64) % 256])

    def encrypted(self, row: Bytes, rng: np.random.Generator) -> Bytes:
        """Add."""
        made: Bytes = row + rng.integers(0, 256, row.size, dtype=np.uint8)
        return made


class KeyedByChannels(KeyedByMean):
    """The sums of all channels decide a permutation, a mask and a chain."""

    card = replace(KeyedBySum.card, name="keyed-by-channels")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """A sum for every channel."""
        return np.array([each.sum(dtype=np.int64) for each in row.reshape(shape[0], -1)])

    def encrypted(self, row: Bytes, rng: np.random.Generator) -> Bytes:
        """Permute, mask and chain."""
        made: Bytes = np.bitwise_xor.accumulate(super().encrypted(row, rng))
        return made


class KeyedByHistogram(KeyedBySum):
    """A keystream from how often every level occurs."""

    card = replace(KeyedBySum.card, name="keyed-by-histogram")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """256 counts."""
        return np.bincount(row, minlength=256)


class KeyedByCorner(KeyedBySum):
    """A keystream for all other bytes, from the first one: no number that ignores order."""

    card = replace(KeyedBySum.card, name="keyed-by-corner")

    def numbers(self, row: Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """The first byte."""
        return row[:1].astype(int)

    def encrypted(self, row: Bytes, rng: np.random.Generator) -> Bytes:
        """Mask all but the first."""
        made = super().encrypted(row, rng)
        made[0] = row[0]
        return made
