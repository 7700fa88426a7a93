"""Statistics of ciphertexts that tell in a second which models can fit, before any is fitted.

Under one key each byte of a ciphertext is a function of one byte of its image, if nothing spreads;
then bytes of neighbouring pixels depend on each other, wherever they went. A chain
``c_i = p_i ^ c_(i-1)`` hides that until differences of the ciphertext undo it, so every usual
chain is undone first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.maps import Combine, Rows, Running

Mask = Literal["xor", "add"]
ENERGY_BAR = 1.1
"""Correlation energy from which bytes depend on each other: without dependence it is 1, and the
largest of all chains stayed below 1.05 on 40 sets of random ciphertexts."""
HISTOGRAM_BAR = 2.0
"""Chi-square per degree of freedom from which bytes are not uniform: 1.37 at most on the same."""
COMPARED = 512
"""Bytes of an image whose correlations are measured."""
MEASURED = 500
"""Ciphertexts used for it."""
LEAST_CORRELATED = 8
"""Ciphertexts below which correlations say nothing."""
LEVELS = 256


@dataclass(frozen=True)
class Dependence:
    """How much bytes depend on each other after a chain was undone.

    Args:
        chain: the chain, or None for none.
        mask: the kind of mask under which they depend most: exclusive-or or addition.
        energy: N times the mean squared correlation; 1 without any dependence.
    """

    chain: Running | None
    mask: Mask
    energy: float

    @property
    def words(self) -> str:
        """The chain in words."""
        return "no chain" if self.chain is None else f"chain by {self.chain.combine}"

    def undone(self, rows: Rows) -> Rows:
        """The bytes ``(N, S)`` before the chain."""
        return rows if self.chain is None else self.chain.invert(rows)


def chains(shape: ImageShape) -> list[Running]:
    """The usual chains: three ways to combine, along every order of the axes, in both directions.

    Args:
        shape: ``(C, H, W)`` of a ciphertext.
    """
    numbers = np.arange(np.prod(shape)).reshape(shape)
    scans: dict[bytes, NDArray[np.int64]] = {}
    for axes in permutations(range(3)):
        scan = numbers.transpose(axes).reshape(-1)
        for way in (scan, scan[::-1]):
            scans.setdefault(way.tobytes(), way.copy())
    ways: tuple[Combine, ...] = ("xor", "add", "sub")
    return [Running(scan, combine) for combine in ways for scan in scans.values()]


def dependence(rows: Rows, shape: ImageShape) -> Dependence:
    """The chain whose undoing makes bytes depend on each other most.

    Args:
        rows: ``(N, S)`` uint8 ciphertexts under one key.
        shape: ``(C, H, W)`` of a ciphertext.
    """
    if len(rows) < LEAST_CORRELATED:
        return Dependence(None, "xor", 1.0)
    some = rows[:MEASURED]
    size = some.shape[1]
    at = np.sort(np.random.default_rng(0).permutation(size)[:COMPARED])
    masks: tuple[Mask, ...] = ("xor", "add")
    found = [
        (energy(undone[:, at], mask), chain, mask)
        for chain, undone in _undone(some, shape)
        for mask in masks
    ]
    most, chain, mask = max(found, key=lambda each: each[0])
    if chain is not None:
        chain = _directed(chain, mask, some, at)
    return Dependence(chain, mask, round(most, 3))


def _undone(rows: Rows, shape: ImageShape) -> Iterator[tuple[Running | None, Rows]]:
    yield None, rows
    for chain in chains(shape):
        yield chain, chain.invert(rows)


def energy(values: Rows, mask: Mask) -> float:
    """N times the mean squared correlation of different bytes; 1 if they are independent.

    What is correlated is a character of the group of masks, so that any mask changes its sign or
    phase only: the highest bit for ``xor``, a turn of the circle for ``add``.

    Args:
        values: ``(N, k)`` uint8.
        mask: the kind.
    """
    waves = character(values, mask)
    count, size = waves.shape
    if size < 2:
        return 1.0
    products = np.abs(waves.conj().T @ waves) ** 2
    apart = float(products.sum()) - float(np.trace(products))
    return float(apart / (size * (size - 1) * count))


def character(values: Rows, mask: Mask) -> NDArray[np.float32] | NDArray[np.complex64]:
    """A character of the bytes, centred and of unit mean square; ``(N, k)``.

    Bytes that never change give 0.
    """
    waves: NDArray[np.float32] | NDArray[np.complex64]
    if mask == "xor":
        waves = (values >> 7).astype(np.float32)
    else:
        angle = np.arange(LEVELS) * (2j * np.pi / LEVELS)
        waves = np.exp(angle).astype(np.complex64)[values]
    waves = waves - waves.mean(0)
    spread = np.sqrt((np.abs(waves) ** 2).mean(0))
    waves *= np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0).astype(np.float32)
    return waves


def uniformity(rows: Rows) -> float:
    """Chi-square per degree of freedom of all bytes together; 1 if they are uniform.

    Args:
        rows: ``(N, S)`` uint8.
    """
    counts = np.bincount(rows.reshape(-1), minlength=LEVELS).astype(np.float64)
    expected = rows.size / LEVELS
    return float(((counts - expected) ** 2).sum() / expected / (LEVELS - 1))


def _directed(chain: Running, mask: Mask, rows: Rows, at: NDArray[np.intp]) -> Running:
    """The chain or its reverse: only what starts the chain shows which, one byte."""
    ways = (chain, Running(np.asarray(chain.scan)[::-1].copy(), chain.combine))

    def start(way: Running) -> float:
        first = int(way.scan[0])
        others = at[at != first]
        waves = character(way.invert(rows)[:, [first, *others]], mask)
        return float((np.abs(waves[:, 0].conj() @ waves[:, 1:]) ** 2).sum())

    return max(ways, key=start)
