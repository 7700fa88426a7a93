"""Block scrambling and pixel shuffling for vision transformers.

A vision transformer reads an image patch by patch, so a cloud can run one on images whose blocks
(one patch each) have changed places and whose pixels are shuffled alike in every block, if the
embedding of its patches is shuffled too. Equal blocks have equal ciphertexts, and every block is a
sample of the same unknown permutation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

Order = Literal["chw", "hwc"]
QUARTERS = 4
Share = Annotated[float, Interval(gt=0, le=1)]


class VitBlocks(PermXorTarget):
    """Blocks change places, and the bytes of every block are shuffled and complemented alike.

    With the bytes of a block of B × B pixels in one line, D = C·B², output block b is
    ``y_b[j] = x_{blocks[b]}[pixels[j]] XOR 255·flips[j]``.

    Variants:
        ``paper``: blocks and bytes in uniformly random order, complements at random.
        ``demo``: a published code: both orders from NumPy's ``default_rng(seed)``, bytes first;
        channels first, no complements. It runs with seed 42.
        ``re``: another: the same from ``RandomState(seed)``. It runs with seed 100, which
        gives the key file that it ships.

    Settings of the paper's relatives: ``shuffle=sub-blocks`` permutes, turns, mirrors, complements
    and recolours the four quarters of a block, alike in every block; ``pixel_keys=each`` gives
    every block its own bytes' order and complements; ``moving_blocks`` and ``moving_pixels`` are
    the shares that change places, the others stay.

    Threat model: ciphertext-only; one key for the whole data set, or keys that are thrown away
    after one image ("disposable").

    Deviations: all public code shuffles with channels first (``order=chw``); ``hwc`` is the order
    of the defence that the scheme comes from. How the quarters of ``sub-blocks`` and the
    elements of restricted permutations are drawn is not stated in what could be read: here
    uniformly. Images that are not a multiple of the block are padded by repeating the
    last row and column.

    Reference: H. Kiya, R. Iijima, A. MaungMaung, Y. Kinoshita: Image and Model Transformation with
    Secret Key for Vision Transformer. IEICE Transactions on Information and Systems
    E106-D(1):2-11, 2023, arXiv:2207.05366. Keys per image: R. Aso, S. Shiota, H. Kiya, APSIPA
    2024, arXiv:2408.05737. Restricted permutations: K. Horio, K. Nishikawa, H. Kiya,
    arXiv:2408.08529. Sub-blocks: Z. Qi, A. MaungMaung, Y. Kinoshita, H. Kiya, EUSIPCO 2022.
    """

    card = TargetCard(
        name="vit-blocks",
        title="ViT blocks: block scrambling with one pixel shuffle for all blocks",
        reference=Reference(
            "H. Kiya, R. Iijima, A. MaungMaung, Y. Kinoshita",
            "Image and Model Transformation with Secret Key for Vision Transformer",
            "IEICE Transactions on Information and Systems E106-D(1):2-11",
            2023,
            arxiv="2207.05366",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "demo", "re"], Doc("the paper's scheme, or a published code's keys")
        ] = "paper"
        block_size: Annotated[int, Interval(ge=1, le=64), Doc("edge of a block, pixels")] = 16
        order: Annotated[
            Order, Doc("order of a block's bytes: channel, row, column or row, column, channel")
        ] = "chw"
        scramble: Annotated[bool, Doc("whether blocks change places")] = True
        shuffle: Annotated[
            Literal["pixels", "sub-blocks", "none"], Doc("what changes places within a block")
        ] = "pixels"
        flips: Annotated[bool, Doc("whether bytes are complemented ('paper')")] = True
        pixel_keys: Annotated[
            Literal["common", "each"], Doc("one key within blocks for all, or one for each block")
        ] = "common"
        moving_blocks: Annotated[Share, Doc("share of the blocks that may change places")] = 1.0
        moving_pixels: Annotated[Share, Doc("share of a block's bytes that may")] = 1.0
        legacy_seed: PublishedSeed = None

        def __post_init__(self) -> None:
            check_seed(self.variant, self.legacy_seed)
            if self.shuffle == "sub-blocks" and self.block_size % 2:
                raise ConfigError(
                    f"block_size={self.block_size} has no quarters: shuffle=sub-blocks needs an "
                    "even one"
                )
            if self.variant != "paper" and _beyond_code(self):
                raise ConfigError(
                    f"variant={self.variant} has one key for all blocks, channels first, and "
                    "whole permutations: leave out order, shuffle, pixel_keys and moving_*, or "
                    "use variant=paper"
                )

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return int(self.config.block_size)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``blocks``: (n,) source blocks; ``pixels``, ``flips``: (D,), or (n, D) for each block."""
        config, (count, size) = self.config, self._size(image_shape)
        if config.variant != "paper":
            seed = published_seed(config.legacy_seed, draw)
            order, moved = _published(config.variant, seed, size, count)
            flips = np.zeros(size, np.bool_)
        else:
            order = _restricted(draw("blocks"), count, config.moving_blocks)
            lines = 1 if config.pixel_keys == "common" else count
            moved, flips = self._within(draw, lines, image_shape[0])
            if config.pixel_keys == "common":
                moved, flips = moved[0], flips[0]
        if not config.scramble:
            order = np.arange(count)
        return {
            "blocks": order.astype(np.min_scalar_type(count - 1)),
            "pixels": moved.astype(np.min_scalar_type(size - 1)),
            "flips": flips,
        }

    def _within(
        self, draw: Draw, lines: int, channels: int
    ) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Order and complements of a block's bytes, ``(lines, D)`` each."""
        config = self.config
        size = channels * config.block_size**2
        flips = np.zeros((lines, size), np.bool_)
        if config.shuffle == "sub-blocks":
            return _quarters(draw, lines, channels, config.block_size, config.order)
        rng = draw("pixels")
        moved = np.tile(np.arange(size), (lines, 1))
        if config.shuffle == "pixels":
            moved = np.stack([_restricted(rng, size, config.moving_pixels) for _ in range(lines)])
        if config.flips:
            flips = draw("flips").integers(0, 2, (lines, size), dtype=np.bool_)
        return moved, flips

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """The bytes of every source block in their new order."""
        numbers = in_line(shape, self.config.block_size, self.config.order)  # (n, D)
        source, pixels, flips = parts["blocks"], parts["pixels"], parts["flips"]
        if pixels.ndim == 2:  # one order for all blocks
            pixels, flips = pixels[:, None], flips[:, None]
        index = numbers[source[..., None], pixels]  # (K, n, D)
        mask = np.broadcast_to(flips * np.uint8(255), index.shape)
        return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers))

    @override
    def structure(self) -> Structure:
        config = self.config
        negatives = config.variant == "paper" and (config.flips or config.shuffle == "sub-blocks")
        if config.shuffle == "none" and not (config.variant == "paper" and config.flips):
            return Structure(
                "blocks-dihedral",
                block_size=config.block_size,
                moves_blocks=config.scramble,
                turns=False,
                flips=False,
                negatives=False,
            )
        kind: Literal["shared-block", "blocks"] = (
            "shared-block" if config.pixel_keys == "common" else "blocks"
        )
        return Structure(
            kind, "byte", config.block_size, moves_blocks=config.scramble, negatives=negatives
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of n!·D!·2^D, of what is drawn; a seed of published code counts 32 bits at most."""
        config, (count, size) = self.config, self._size(image_shape)
        bits = 0.0
        if config.scramble:
            bits += permutation_bits(_moving(count, config.moving_blocks))
        if config.shuffle == "sub-blocks":
            colours = 6 if image_shape[0] == 3 else 1
            within = permutation_bits(QUARTERS) + QUARTERS * math.log2(8 * 2 * colours)
        else:
            within = size if config.variant == "paper" and config.flips else 0
            if config.shuffle == "pixels":
                within += permutation_bits(_moving(size, config.moving_pixels))
        return bits + within * (1 if config.pixel_keys == "common" else count)

    def _size(self, image_shape: ImageShape) -> tuple[int, int]:
        """Blocks of an image, and bytes of a block."""
        channels, height, width = self.padded_shape(image_shape)
        area = int(self.config.block_size) ** 2
        return height * width // area, channels * area


def in_line(shape: ImageShape, block: int, order: Order) -> NDArray[np.int32]:
    """``(n, D)``: the numbers of each block's bytes, channels first or last.

    Args:
        shape: ``(C, H, W)``, H and W multiples of ``block``.
        block: edge of a block, pixels.
        order: ``chw`` or ``hwc``.
    """
    numbers = blocks.byte_numbers(shape, block)  # (n, B², C)
    if order == "chw":
        numbers = numbers.transpose(0, 2, 1)
    return np.ascontiguousarray(numbers.reshape(len(numbers), -1))


def _beyond_code(config: VitBlocks.Config) -> bool:
    """Whether a setting asks for what no published code does."""
    return (
        config.order != "chw"
        or config.shuffle == "sub-blocks"
        or config.pixel_keys != "common"
        or (config.moving_blocks, config.moving_pixels) != (1.0, 1.0)
    )


def _published(
    variant: str, seed: int, size: int, count: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Order of the blocks and of a block's bytes, drawn bytes first."""
    rng = np.random.default_rng(seed) if variant == "demo" else np.random.RandomState(seed)
    moved = rng.permutation(size)
    return rng.permutation(count), moved


def _moving(count: int, share: float) -> int:
    """How many of so many elements change places."""
    return round(count * share)


def _restricted(rng: np.random.Generator, count: int, share: float) -> NDArray[np.integer]:
    """A permutation of uniformly chosen elements among themselves; the others stay."""
    chosen = np.sort(rng.choice(count, _moving(count, share), replace=False))
    order = np.arange(count)
    order[chosen] = rng.permutation(chosen)
    return order


def _quarters(
    draw: Draw, lines: int, channels: int, block: int, order: Order
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """The quarters of a block scrambled like the blocks of an image, ``(lines, D)`` each."""
    rows = np.tile(np.arange(QUARTERS), (lines, 1))
    source = draw("quarters").permuted(rows, axis=1)
    turn = draw("turns").integers(0, 8, (lines, QUARTERS))
    negative = draw("negatives").integers(0, 2, (lines, QUARTERS), dtype=np.bool_)
    colour = draw("colours").integers(0, 6, (lines, QUARTERS))
    numbers = blocks.byte_numbers((channels, block, block), block // 2)  # (4, B²/4, C)
    pixel = blocks.dihedral_table(block // 2)[turn][..., None]
    channel = blocks.COLOUR_ORDERS[colour][:, :, None] if channels == 3 else np.arange(channels)
    index = numbers[source[..., None, None], pixel, channel]
    mask = np.broadcast_to(negative[..., None, None], index.shape)
    line = in_line((channels, block, block), block, order)[0]  # byte number by place in line
    place = np.argsort(line)
    return place[blocks.place(index, numbers)[:, line]], blocks.place(mask, numbers)[:, line]
