"""A scheme for tests: one permutation of the bytes of every block, and blocks that may move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from ppattack.blocks import byte_numbers, place
from ppattack.card import Reference
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.structure import Structure


class ShuffledBlocks(PermXorTarget):
    """Bytes shuffled alike in every block."""

    card = TargetCard("shuffled-blocks", "Shuffled blocks", Reference("n", "t", "v", 2020))

    @dataclass(frozen=True)
    class Config:
        """Edge of a block; whether a pixel keeps its channels together; whether blocks move."""

        block_size: int = 4
        whole_pixels: bool = False
        moves_blocks: bool = False

    @property
    @override
    def size_multiple(self) -> int:
        return int(self.config.block_size)

    @override
    def structure(self) -> Structure:
        return Structure(
            "shared-block",
            block_size=self.config.block_size,
            moves_blocks=self.config.moves_blocks,
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        return permutation_bits(image_shape[0] * self.config.block_size**2)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        channels, height, width = image_shape
        area = self.config.block_size**2
        count = height * width // area
        inside = draw("inside").permutation(channels * area)
        if self.config.whole_pixels:
            pixels = draw("inside").permutation(area)
            inside = (pixels[:, None] * channels + np.arange(channels)).reshape(-1)
        moved = draw("blocks").permutation(count) if self.config.moves_blocks else np.arange(count)
        return {"inside": inside.astype(np.int32), "blocks": moved.astype(np.int32)}

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        numbers = byte_numbers(shape, self.config.block_size)
        numbers = numbers.reshape(len(numbers), -1)
        index = np.stack(
            [
                place(numbers[None][:, moved][:, :, inside], numbers)[0]
                for inside, moved in zip(parts["inside"], parts["blocks"], strict=True)
            ]
        )
        return PermXor(index, np.zeros(index.shape, np.uint8))
