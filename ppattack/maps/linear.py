"""Linear steps of a map: affine over GF(2), and linear maps of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError
from ppattack.maps.steps import Rows, Step, check_bytes

ROWS_AT_ONCE = 64
"""Images that a matrix of a whole image is applied to at a time."""


@dataclass(frozen=True, eq=False)
class Affine(Step):
    """An affine map over GF(2), ``y = A x + b``: of all bits, or of each of the 8 bit planes.

    Args:
        matrix: ``(n, ceil(n / 8))`` uint8, the rows of A packed into bytes; n is S (bit planes) or
            8 S (bits, numbered from the highest of each byte).
        inverse: likewise, of the inverse of A.
        offset: ``(S,)`` uint8, b.
    """

    matrix: Rows
    inverse: Rows
    offset: Rows
    kind = "affine"

    def apply(self, rows: Rows) -> Rows:
        """Multiply, then add."""
        return self._times(rows, self.matrix) ^ self.offset

    def invert(self, rows: Rows) -> Rows:
        """Add, then multiply by the inverse."""
        return self._times(rows ^ self.offset, self.inverse)

    def _times(self, rows: Rows, packed: Rows) -> Rows:
        count, size = rows.shape
        bits = np.unpackbits(rows, axis=1)
        planes = len(packed) == size
        if planes:
            bits = bits.reshape(count, size, 8).transpose(0, 2, 1).reshape(count * 8, size)
        factor = np.unpackbits(packed, axis=1, count=len(packed)).astype(np.float32)
        made = np.concatenate(
            [
                (bits[start : start + ROWS_AT_ONCE].astype(np.float32) @ factor.T) % 2
                for start in range(0, len(bits), ROWS_AT_ONCE)
            ]
        ).astype(np.uint8)
        if planes:
            made = made.reshape(count, 8, size).transpose(0, 2, 1).reshape(count, size * 8)
        return np.packbits(made, axis=1)

    def check(self, size: int) -> None:
        """Two square matrices."""
        count = len(self.matrix)
        if count not in (size, 8 * size):
            raise ImageError(f"a matrix over GF(2) has {count} rows, not {size} or {8 * size}.")
        check_bytes(self.matrix, (count, -(-count // 8)), "the matrix")
        check_bytes(self.inverse, self.matrix.shape, "the inverse")
        check_bytes(self.offset, (size,), "the offset")


@dataclass(frozen=True, eq=False)
class BlockLinear(Step):
    """A linear map of the values of each block, ``y = A x + b``, rounded and clipped to bytes.

    What undoes it is a linear map too, found for itself, so that noise of rounding is not raised.

    Args:
        numbers: ``(n, k)`` integers: the numbers of the k bytes of each of the n blocks.
        matrix: ``(1, k, k)`` or ``(n, k, k)`` floats: A, for all blocks or for each.
        offset: ``(1, k)`` or ``(n, k)`` floats, b.
        inverse: the matrix that leads back.
        inverse_offset: likewise.
    """

    numbers: NDArray[np.integer]
    matrix: NDArray[np.floating]
    offset: NDArray[np.floating]
    inverse: NDArray[np.floating]
    inverse_offset: NDArray[np.floating]
    kind = "block-linear"

    def apply(self, rows: Rows) -> Rows:
        """Every block by its matrix."""
        return self._times(rows, self.matrix, self.offset)

    def invert(self, rows: Rows) -> Rows:
        """Every block by the matrix that leads back."""
        return self._times(rows, self.inverse, self.inverse_offset)

    def _times(
        self, rows: Rows, matrix: NDArray[np.floating], offset: NDArray[np.floating]
    ) -> Rows:
        made = rows.copy()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            values = rows[part][:, self.numbers].swapaxes(0, 1)  # (n, N, k)
            turned = values.astype(matrix.dtype) @ matrix.swapaxes(1, 2) + offset[:, None]
            made[part, self.numbers] = turned.round().clip(0, 255).astype(np.uint8).swapaxes(0, 1)
        return made

    def check(self, size: int) -> None:
        """Blocks that share no byte, and matrices of their size."""
        _check_blocks(self.numbers, size)
        count, edge = self.numbers.shape
        for factor in (self.matrix, self.inverse):
            if factor.dtype.kind != "f" or factor.shape not in (
                (1, edge, edge),
                (count, edge, edge),
            ):
                raise ImageError(f"a matrix of blocks is {factor.dtype} {factor.shape}.")
        for added in (self.offset, self.inverse_offset):
            if added.dtype.kind != "f" or added.shape not in ((1, edge), (count, edge)):
                raise ImageError(f"an offset of blocks is {added.dtype} {added.shape}.")


@dataclass(frozen=True, eq=False)
class BlockModular(Step):
    """A linear map modulo 256 of the values of each block, ``y = A x + b``, as in Hill's cipher.

    Args:
        numbers: ``(n, k)`` integers: the numbers of the k bytes of each of the n blocks.
        matrix: ``(k, k)`` uint8, A.
        offset: ``(n, k)`` uint8, b of each block.
        inverse: ``(k, k)`` uint8, the inverse of A modulo 256.
    """

    numbers: NDArray[np.integer]
    matrix: Rows
    offset: Rows
    inverse: Rows
    kind = "block-modular"

    def apply(self, rows: Rows) -> Rows:
        """Multiply, then add."""
        made = rows.copy()
        made[:, self.numbers] = _modular(rows[:, self.numbers], self.matrix) + self.offset
        return made

    def invert(self, rows: Rows) -> Rows:
        """Subtract, then multiply by the inverse."""
        made = rows.copy()
        made[:, self.numbers] = _modular(rows[:, self.numbers] - self.offset, self.inverse)
        return made

    def check(self, size: int) -> None:
        """Blocks that share no byte, a matrix of their size and its inverse."""
        _check_blocks(self.numbers, size)
        edge = self.numbers.shape[1]
        check_bytes(self.matrix, (edge, edge), "the matrix")
        check_bytes(self.inverse, (edge, edge), "the inverse")
        check_bytes(self.offset, self.numbers.shape, "the offset")
        if not np.array_equal(_modular(self.matrix.T, self.inverse), np.eye(edge)):
            raise ImageError("the inverse of a matrix modulo 256 does not undo it.")


def _modular(blocks: Rows, matrix: Rows) -> Rows:
    """``A x`` modulo 256 of ``(..., k)`` values; sums of so few bytes are exact in floats."""
    made: Rows = (blocks.astype(np.float64) @ matrix.T.astype(np.float64) % 256).astype(np.uint8)
    return made


def _check_blocks(numbers: NDArray[np.integer], size: int) -> None:
    if numbers.ndim != 2 or numbers.dtype.kind not in "iu":
        raise ImageError("blocks are rows of whole numbers.")
    flat = numbers.reshape(-1)
    if len(np.unique(flat)) < len(flat) or flat.min() < 0 or flat.max() >= size:
        raise ImageError(f"the numbers of blocks do not lie in an image of {size} bytes.")
