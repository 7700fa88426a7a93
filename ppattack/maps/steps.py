"""Steps of a map on rows of bytes: symbols that move, tables of bytes, chains along a scan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError

Rows = NDArray[np.uint8]
"""``(N, S)`` uint8: images or ciphertexts of S bytes."""
Combine = Literal["xor", "add", "sub"]
"""How two bytes become one: exclusive-or, sum, or the first less the second; modulo 256."""
Symbol = Literal["bit", "nibble", "byte"]


class Step(ABC):
    """One step of a map: a dataclass whose fields are arrays and words."""

    kind: ClassVar[str]
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The fields that are words, and what they can be."""

    @abstractmethod
    def apply(self, rows: Rows) -> Rows:
        """The step, on ``(N, S)`` uint8; the input stays as it is."""

    @abstractmethod
    def invert(self, rows: Rows) -> Rows:
        """What undoes it."""

    @abstractmethod
    def check(self, size: int) -> None:
        """Refuse arrays that are no step on images of ``size`` bytes.

        Raises:
            ImageError: saying what is wrong.
        """

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its fields; words become numbers."""
        found = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name in self.words:
                value = np.array(self.words[field.name].index(value))
            found[field.name] = np.asarray(value, order="C")
        return found


@dataclass(frozen=True, eq=False)
class Shuffle(Step):
    """Symbols move and are combined with a mask: ``y[i] = x[index[i]] (combine) mask[i]``.

    Args:
        index: ``(S,)`` integers, a permutation: the source of each symbol.
        mask: ``(S,)`` uint8.
        symbol: what moves. Bits are numbered from the highest of each byte, nibbles as in
            :class:`~ppattack.permxor.PermXor`, all low ones before all high ones.
        combine: with the mask; ``xor`` for bits and nibbles.
    """

    index: NDArray[np.integer]
    mask: Rows
    symbol: Symbol = "byte"
    combine: Combine = "xor"
    kind = "shuffle"
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "symbol": ("bit", "nibble", "byte"),
        "combine": ("xor", "add", "sub"),
    }

    def apply(self, rows: Rows) -> Rows:
        """Move, then mask."""
        moved = as_symbols(rows, self.symbol)[:, self.index]
        return as_bytes(combined(moved, self.mask, self.combine), self.symbol)

    def invert(self, rows: Rows) -> Rows:
        """Unmask, then move back."""
        values = separated(as_symbols(rows, self.symbol), self.mask, self.combine)
        made = np.empty_like(values)
        made[:, self.index] = values
        return as_bytes(made, self.symbol)

    def check(self, size: int) -> None:
        """A permutation and a mask of all symbols."""
        count = size * {"bit": 8, "nibble": 2, "byte": 1}[self.symbol]
        check_permutation(self.index, count)
        check_bytes(self.mask, (count,), "the mask")
        if self.symbol != "byte" and self.combine != "xor":
            raise ImageError("only whole bytes can be added.")


@dataclass(frozen=True, eq=False)
class Tables(Step):
    """Bytes move and are looked up in tables: ``y[i] = tables[i][x[index[i]]]``.

    Args:
        index: ``(S,)`` integers, a permutation.
        tables: ``(1, 256)`` uint8 for one table, ``(S, 256)`` for a table of every byte; each row
            holds every value once.
    """

    index: NDArray[np.integer]
    tables: Rows
    kind = "tables"

    def apply(self, rows: Rows) -> Rows:
        """Move, then look up."""
        return self.tables[self._numbers, rows[:, self.index]]

    def invert(self, rows: Rows) -> Rows:
        """Look up in the inverse tables, then move back."""
        inverse = np.empty_like(self.tables)
        levels = np.broadcast_to(np.arange(256, dtype=np.uint8), inverse.shape)
        np.put_along_axis(inverse, self.tables.astype(np.intp), levels, axis=1)
        made = np.empty_like(rows)
        made[:, self.index] = inverse[self._numbers, rows]
        return made

    @property
    def _numbers(self) -> NDArray[np.intp]:
        return np.arange(len(self.index)) % len(self.tables)

    def check(self, size: int) -> None:
        """A permutation, and tables that can be inverted."""
        check_permutation(self.index, size)
        check_bytes(self.tables, (1 if len(self.tables) == 1 else size, 256), "the tables")
        if not (np.sort(self.tables, axis=1) == np.arange(256)).all():
            raise ImageError("a table uses a value twice and loses another.")


@dataclass(frozen=True, eq=False)
class Running(Step):
    """A chain, ``y_i = x_i (combine) y_(i-1)``: each byte with the result before it.

    Args:
        scan: ``(S,)`` integers, a permutation: the numbers of the bytes in the order of the chain.
        combine: how.
        direction: ``forth`` as above; ``back`` for what undoes it, differences of the input.
    """

    scan: NDArray[np.integer]
    combine: Combine = "xor"
    direction: Literal["forth", "back"] = "forth"
    kind = "running"
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "combine": ("xor", "add", "sub"),
        "direction": ("forth", "back"),
    }

    def apply(self, rows: Rows) -> Rows:
        """Chain, or take differences."""
        return self._chained(rows) if self.direction == "forth" else self._differences(rows)

    def invert(self, rows: Rows) -> Rows:
        """Take differences, or chain."""
        return self._differences(rows) if self.direction == "forth" else self._chained(rows)

    def _chained(self, rows: Rows) -> Rows:
        values = rows[:, self.scan]
        if self.combine == "xor":
            values = np.bitwise_xor.accumulate(values, axis=1)
        else:
            signs = np.ones(values.shape[1], np.uint8)
            if self.combine == "sub":  # every second result enters with the other sign
                signs[1::2] = 255
            values = signs * np.add.accumulate(signs * values, axis=1, dtype=np.uint8)
        made = np.empty_like(rows)
        made[:, self.scan] = values
        return made

    def _differences(self, rows: Rows) -> Rows:
        made = rows.copy()
        later, before = rows[:, self.scan[1:]], rows[:, self.scan[:-1]]
        made[:, self.scan[1:]] = separated(later, before, self.combine)
        return made

    def check(self, size: int) -> None:
        """A scan of all bytes."""
        check_permutation(self.scan, size)


def combined(values: Rows, with_: Rows, combine: Combine) -> Rows:
    """Bytes combined with others, element by element."""
    if combine == "xor":
        return values ^ with_
    return values + with_ if combine == "add" else values - with_


def separated(values: Rows, with_: Rows, combine: Combine) -> Rows:
    """Undo :func:`combined`."""
    if combine == "xor":
        return values ^ with_
    return values - with_ if combine == "add" else values + with_


def as_symbols(rows: Rows, symbol: Symbol) -> Rows:
    """Bytes as the symbols that move, ``(N, S)``, ``(N, 2 S)`` or ``(N, 8 S)``."""
    if symbol == "bit":
        return np.unpackbits(rows, axis=1)
    return rows if symbol == "byte" else np.concatenate([rows & 15, rows >> 4], axis=1)


def as_bytes(values: Rows, symbol: Symbol) -> Rows:
    """Undo :func:`as_symbols`."""
    if symbol == "bit":
        return np.packbits(values, axis=1)
    if symbol == "byte":
        return values
    low, high = np.split(values, 2, axis=1)
    made: Rows = low | high << np.uint8(4)
    return made


def check_permutation(index: NDArray[Any], count: int) -> None:
    """Refuse what is no permutation of ``count`` numbers.

    Raises:
        ImageError: saying what it is.
    """
    if index.shape != (count,) or index.dtype.kind not in "iu":
        raise ImageError(f"an order has shape {index.shape}, not {(count,)} of whole numbers.")
    if not np.array_equal(np.sort(index), np.arange(count)):
        raise ImageError("an order uses a symbol twice and loses another.")


def check_bytes(array: NDArray[Any], shape: tuple[int, ...], what: str) -> None:
    """Refuse what are no bytes of a shape.

    Raises:
        ImageError: saying what they are.
    """
    if array.dtype != np.uint8 or array.shape != shape:
        raise ImageError(f"{what} is {array.dtype} of shape {array.shape}, not uint8 of {shape}.")
