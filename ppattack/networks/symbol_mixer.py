"""A position-specific linear network with global mixing that can hold every signed permutation.

Each symbol of the output is a mixture of symbols of the input and of their complements. The weights
of a mixture are a softmax of logits learnt for that output alone, so values stay in range, and a
few examples are enough to single out the right symbol among thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ppattack.images import ImageShape
from ppattack.target.structure import Structure


@dataclass(frozen=True)
class Geometry:
    """How an image is cut, and what a fixed-key scheme of a known structure moves.

    Args:
        channels: those of the image.
        rows: blocks in a column.
        columns: blocks in a row.
        height: a block's height, pixels.
        width: a block's width, pixels.
        nibbles: whether symbols are halves of bytes.
        shared: whether all blocks are transformed alike.
        moves: whether blocks move.
    """

    channels: int
    rows: int
    columns: int
    height: int
    width: int
    nibbles: bool = False
    shared: bool = False
    moves: bool = False

    @classmethod
    def of(cls, structure: Structure, shape: ImageShape) -> Geometry:
        """The geometry that a public structure gives to transformed images of ``shape``."""
        channels, height, width = shape
        edge = structure.block_size
        block = (edge, edge)
        if structure.kind == "any":
            block = (height, width)
        elif structure.kind in ("none", "pixels"):
            block = (1, 1)
        return cls(
            channels,
            height // block[0],
            width // block[1],
            *block,
            nibbles=structure.unit == "nibble",
            shared=structure.kind == "shared-block",
            moves=structure.moves_blocks,
        )

    @property
    def blocks(self) -> int:
        """How many blocks an image has."""
        return self.rows * self.columns

    @property
    def symbols(self) -> int:
        """How many symbols a block has."""
        return self.channels * self.height * self.width * (2 if self.nibbles else 1)

    @property
    def weights(self) -> int:
        """How many logits the network has."""
        within = (1 if self.shared else self.blocks) * 2 * self.symbols**2
        return within + (self.blocks**2 if self.moves else 0)

    def cut(self, images: Tensor) -> Tensor:
        """``(N, C, H, W)`` uint8 to symbols ``(N, B, S)`` in [-1, 1]; high nibbles come first."""
        count = len(images)
        blocks = images.reshape(
            count, self.channels, self.rows, self.height, self.columns, self.width
        )
        blocks = blocks.permute(0, 2, 4, 1, 3, 5).reshape(count, self.blocks, -1)
        if self.nibbles:
            return torch.cat([blocks >> 4, blocks & 15], dim=-1).float().mul_(2 / 15).sub_(1)
        return blocks.float().mul_(2 / 255).sub_(1)

    def join(self, symbols: Tensor) -> Tensor:
        """Symbols ``(N, B, S)`` in [-1, 1] to images ``(N, C, H, W)`` in [-1, 1]."""
        if self.nibbles:
            high, low = symbols.chunk(2, dim=-1)
            symbols = (16 * high + low) / 17
        sizes = (self.rows, self.columns, self.channels, self.height, self.width)
        images = symbols.reshape(len(symbols), *sizes).permute(0, 3, 1, 4, 2, 5)
        height, width = self.rows * self.height, self.columns * self.width
        return images.reshape(len(symbols), self.channels, height, width)


class SymbolMixer(nn.Module):
    """First blocks change places, then symbols within each block.

    Which block a block comes from is learnt on what no signed permutation within a block
    changes, its folded and sorted symbols; that loss is convex except for the softmax, whereas
    mixtures within a block, if learnt for the wrong block first, would lead it astray.

    Args:
        geometry: that of the images.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        positions = 1 if geometry.shared else geometry.blocks
        size = geometry.symbols
        self.within = nn.Parameter(torch.zeros(positions, size, 2 * size))
        self.between = (
            nn.Parameter(torch.zeros(geometry.blocks, geometry.blocks)) if geometry.moves else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Plain images from ciphertexts; both ``(N, C, H, W)`` float in [-1, 1]."""
        levels = x.add(1).mul(127.5).round().to(torch.uint8)
        return self.geometry.join(self.unscrambled(self.geometry.cut(levels)))

    def unscrambled(self, symbols: Tensor) -> Tensor:
        """``(N, B, S)`` symbols of ciphertexts to those of plain images, in [-1, 1]."""
        if self.between is not None:
            symbols = symbols[:, self.between.argmax(dim=1)]
        same, complement = self.within.softmax(dim=-1).chunk(2, dim=-1)
        weights = same - complement
        if self.geometry.shared:
            return symbols @ weights[0].T
        return torch.einsum("nbs,bts->nbt", symbols, weights)


def symbol_loss(network: nn.Module, ciphertexts: Tensor, plain: Tensor) -> Tensor:
    """Mean absolute error of the symbols of uint8 images, and of folded blocks that move.

    Args:
        network: a :class:`SymbolMixer`.
        ciphertexts: ``(N, C, H, W)`` uint8.
        plain: likewise.
    """
    mixer = cast(SymbolMixer, network)
    given, wanted = mixer.geometry.cut(ciphertexts), mixer.geometry.cut(plain)
    error = (mixer.unscrambled(given) - wanted).abs().mean()
    if mixer.between is not None:
        mixed = torch.einsum("ji,nis->njs", mixer.between.softmax(dim=-1), _folded(given))
        error = error + (mixed - _folded(wanted)).abs().mean()
    return error


def _folded(symbols: Tensor) -> Tensor:
    """What no signed permutation of the symbols of a block changes."""
    return symbols.abs().sort(dim=-1).values
