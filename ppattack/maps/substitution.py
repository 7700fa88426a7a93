"""A step of a map whose results are no bytes: some bytes become numbers, and all are scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError
from ppattack.maps.steps import Rows, Step

LEVELS = 256
MIDDLE = 128
"""The level that stands for a number of which no level is known."""


@dataclass(frozen=True, eq=False)
class MaskedTable(Step):
    """Some bytes are looked up in a table of numbers, then all are divided by one scale.

    ``y[i] = (table[x[i]] if masked[i] else x[i]) / scale``, float32: the last step of a map.

    Args:
        masked: ``(S,)`` bool.
        table: ``(256,)`` whole numbers, each of them once; -1 for levels whose number is not known.
            Numbers that are in no row are inverted to the middle level.
        scale: a whole number above zero.
    """

    masked: NDArray[np.bool_]
    table: NDArray[np.integer]
    scale: NDArray[np.integer]
    kind = "masked-table"

    def apply(self, rows: Rows) -> Rows:
        """Look up, then divide.

        Raises:
            ImageError: if a masked byte has a level whose number is not known.
        """
        numbers = np.where(self.masked, self.table[rows], rows)
        if (numbers < 0).any():
            raise ImageError("the table does not hold the numbers of all these levels.")
        return (numbers.astype(np.float32) / np.float32(self.scale)).astype(np.float32)

    def invert(self, rows: Rows) -> Rows:
        """Multiply, then look up where a byte is masked."""
        values: NDArray[Any] = rows
        most = max(int(self.table.max()), LEVELS - 1)
        scaled = np.nan_to_num(values.astype(np.float64) * float(self.scale)).round()
        numbers = scaled.clip(0, most + 1).astype(np.intp)
        level = np.full(most + 2, MIDDLE, np.uint8)
        known = np.flatnonzero(self.table >= 0)
        level[self.table[known]] = known
        made: Rows = np.where(self.masked, level[numbers], numbers.clip(0, LEVELS - 1))
        return made.astype(np.uint8)

    def check(self, size: int) -> None:
        """A mask of all bytes, a table without twins, and a scale."""
        if self.masked.shape != (size,) or self.masked.dtype != np.bool_:
            raise ImageError(f"a mask is {self.masked.dtype} of shape {self.masked.shape}.")
        if self.table.shape != (LEVELS,) or self.table.dtype.kind not in "iu":
            raise ImageError(f"a table of levels is {self.table.dtype} {self.table.shape}.")
        known = self.table[self.table >= 0]
        if self.table.min() < -1 or len(np.unique(known)) < len(known):
            raise ImageError("a table of levels uses a number twice.")
        if self.scale.shape != () or self.scale.dtype.kind not in "iu" or int(self.scale) < 1:
            raise ImageError("a scale is a whole number above zero.")
