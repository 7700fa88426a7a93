"""What a solver is given, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.maps import CipherMap, Rows, Step

Numbers = NDArray[np.integer]


@dataclass(frozen=True)
class Pairs:
    """Plain images and their ciphertexts under one key, and ciphertexts alone.

    Args:
        plain: ``(N, S)`` uint8, as the scheme transforms them.
        cipher: ``(N, S)`` uint8.
        victims: ``(V, S)`` uint8 ciphertexts of unknown images; V may be 0.
        plain_shape: ``(C, H, W)`` of a plain row.
        cipher_shape: ``(C, H, W)`` of a ciphertext row.
    """

    plain: Rows
    cipher: Rows
    victims: Rows
    plain_shape: ImageShape
    cipher_shape: ImageShape

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.plain)

    @property
    def size(self) -> int:
        """Bytes of an image."""
        return int(self.plain.shape[1])

    def first(self, count: int) -> Pairs:
        """The same with fewer pairs, for a quick look."""
        return replace(self, plain=self.plain[:count], cipher=self.cipher[:count])

    def without(self, after: Sequence[Step], before: Sequence[Step] = ()) -> Pairs:
        """The same with the last steps of encryption undone and the first ones done.

        Args:
            after: the last steps, in the order of encryption.
            before: the first ones.
        """
        return replace(
            self,
            plain=done(self.plain, before),
            cipher=undone(self.cipher, after),
            victims=undone(self.victims, after),
        )


@dataclass(frozen=True)
class Fit:
    """A map that the pairs prove, or nearly determine.

    Args:
        model: the kind of map, in words.
        steps: of the map, in the order of encryption.
        certain: share of the map that the pairs determine.
        needed: pairs that would determine it, about; 0 if these do.
        exact: whether the map is of bytes, not of rounded numbers.
        proof: what proves it, in words.
    """

    model: str
    steps: tuple[Step, ...]
    certain: float
    proof: str
    needed: int = 0
    exact: bool = True

    def map(self, pairs: Pairs) -> CipherMap:
        """The map between images."""
        return CipherMap(pairs.plain_shape, pairs.cipher_shape, self.steps)


def done(rows: Rows, steps: Sequence[Step]) -> Rows:
    """Rows after some steps."""
    for step in steps:
        rows = step.apply(rows)
    return rows


def undone(rows: Rows, steps: Sequence[Step]) -> Rows:
    """Rows before some steps."""
    for step in reversed(steps):
        rows = step.invert(rows)
    return rows


def ties(values: NDArray[np.generic]) -> list[Numbers]:
    """The places of each value that occurs more than once, one array for each."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(values[order][1:] != values[order][:-1]) + 1
    return [group for group in np.split(order, starts) if len(group) > 1]
