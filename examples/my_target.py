"""A complete target of your own: tiles change places under a secret permutation.

Run it with ``ppattack run --attack fr --target examples/my_target.py:TileShuffle``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ppattack import (
    Doc,
    Draw,
    ImageShape,
    Interval,
    Parts,
    PermXor,
    PermXorTarget,
    Reference,
    TargetCard,
    blocks,
)


class TileShuffle(PermXorTarget):
    """Square tiles change places; what is inside a tile stays as it is.

    Reference: the ppattack authors: Worked example. ppattack, 2026.
    """

    card = TargetCard(
        name="tile-shuffle",
        title="Tile shuffle (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        tile: Annotated[int, Interval(ge=1, le=64), Doc("edge of a tile, pixels")] = 1

    @property
    def size_multiple(self) -> int:
        """Images are padded to whole tiles."""
        return int(self.config.tile)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """One permutation of the tiles."""
        return {"permutation": draw("permutation").permutation(self._tiles(image_shape))}

    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Number the bytes of an image, move the tiles, and read the numbers."""
        numbers = np.arange(math.prod(shape)).reshape(shape)
        moved = blocks.split(numbers, self.config.tile)[parts["permutation"]]  # (K, n, C, B, B)
        index = blocks.merge(moved, *shape[1:]).reshape(len(moved), -1)
        return PermXor(index.astype(np.intp), np.zeros(index.shape, np.uint8))

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of the factorial of the number of tiles."""
        return math.lgamma(self._tiles(image_shape) + 1) / math.log(2)

    def _tiles(self, image_shape: ImageShape) -> int:
        _, height, width = self.padded_shape(image_shape)
        return int(height * width // self.config.tile**2)
