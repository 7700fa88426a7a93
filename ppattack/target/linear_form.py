"""What is public about a scheme that multiplies parts of an image by secret matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape


@dataclass(frozen=True)
class LinearForm:
    """Where the vectors of an image are, and what is known of the matrices ``A`` in ``y = A x``.

    Args:
        block_size: edge of a block of the plain image, pixels.
        cipher_block_size: edge of its ciphertext, pixels; 0 if it is the same.
        vectors: ``blocks`` (a block is one vector, in the order row, column, channel) or ``rows``
            (each row of each channel of a block is one).
        shared: whether one matrix serves all blocks; else every block has its own.
        orthogonal: whether matrices are orthogonal.
        moves_blocks: whether the ciphertexts of blocks change places.
        centre: the level, 0 to 255, that becomes zero before it is multiplied.
        scale: levels for each unit of the values that are multiplied.
    """

    block_size: int
    cipher_block_size: int = 0
    vectors: Literal["blocks", "rows"] = "blocks"
    shared: bool = True
    orthogonal: bool = True
    moves_blocks: bool = False
    centre: float = 0.0
    scale: float = 1.0

    @property
    def cipher_block(self) -> int:
        """Edge of the ciphertext of a block, pixels."""
        return self.cipher_block_size or self.block_size

    def blocks(self, image_shape: ImageShape) -> int:
        """How many blocks an image of whole blocks has."""
        return image_shape[1] * image_shape[2] // self.block_size**2

    def cipher_shape(self, image_shape: ImageShape) -> ImageShape:
        """``(C, H, W)`` of the ciphertext of an image of whole blocks."""
        channels, height, width = image_shape
        rows, columns = height // self.block_size, width // self.block_size
        return channels, rows * self.cipher_block, columns * self.cipher_block

    def values(self, images: Tensor) -> Tensor:
        """What is multiplied, float32, from images ``(N, C, H, W)`` uint8 of whole blocks."""
        return images.float().sub_(self.centre).div_(self.scale)

    def levels(self, values: Tensor) -> Tensor:
        """Images ``(N, C, H, W)`` uint8 from such values: undoes :meth:`values`."""
        import torch

        return values.mul(self.scale).add_(self.centre).round_().clamp_(0, 255).to(torch.uint8)

    def plain_vectors(self, values: Tensor) -> Tensor:
        """``(N, n, k, D)``: the k vectors of each of n blocks of values ``(N, C, H, W)``."""
        return self._split(values, self.block_size)

    def cipher_vectors(self, ciphertexts: Tensor) -> Tensor:
        """``(N, n, k, D')``: likewise of ciphertexts ``(N, C, H', W')``."""
        return self._split(ciphertexts, self.cipher_block)

    def from_plain_vectors(self, vectors: Tensor, image_shape: ImageShape) -> Tensor:
        """Values ``(N, C, H, W)`` from their vectors: undoes :meth:`plain_vectors`."""
        return self._merge(vectors, image_shape, self.block_size)

    def from_cipher_vectors(self, vectors: Tensor, image_shape: ImageShape) -> Tensor:
        """Ciphertexts ``(N, C, H', W')`` of images ``(C, H, W)``, from their vectors."""
        return self._merge(vectors, self.cipher_shape(image_shape), self.cipher_block)

    def _split(self, values: Tensor, edge: int) -> Tensor:
        count, channels, height, width = values.shape
        grid = (count, channels, height // edge, edge, width // edge, edge)
        blocks = values.reshape(grid)
        if self.vectors == "blocks":
            blocks = blocks.permute(0, 2, 4, 3, 5, 1)
            return blocks.reshape(count, -1, 1, edge * edge * channels)
        return blocks.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * edge, edge)

    def _merge(self, vectors: Tensor, shape: ImageShape, edge: int) -> Tensor:
        channels, height, width = shape
        rows, columns = height // edge, width // edge
        if self.vectors == "blocks":
            grid = vectors.reshape(-1, rows, columns, edge, edge, channels)
            return grid.permute(0, 5, 1, 3, 2, 4).reshape(-1, *shape)
        grid = vectors.reshape(-1, rows, columns, channels, edge, edge)
        return grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, *shape)
