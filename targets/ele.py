"""ELE: extended learnable encryption.

Like LE, but each block has its own nibble key, and the blocks change places. One key serves the
whole data set, so every nibble of the image has one fixed source: a few known images, or statistics
over many ciphertexts, give it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed
from ppattack.target.structure import Structure

from .le import derived_complements

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITO_BLOCK_SEEDS = 100_000
"""The published code derives each block's key from this many seeds: at most 16.6 bits per block."""


class ELE(PermXorTarget):
    """Extended learnable encryption: a nibble key for each block, then a block permutation.

    Block b goes through LE with key b; then ``out[i] = encrypted[blocks[i]]``.

    Variants:
        ``paper``: independent permutations, complements and block permutation.
        ``ito``: the code behind the published robustness figures. Key b is that of LE's
        ``ito`` variant for the b-th of n seeds below 100,000 drawn from ``default_rng(seed)``;
        the block permutation restarts from the same seed. The seeds hold far fewer bits than
        the permutations.
        ``madono``: the original authors' code. The block permutation is Python's
        ``random.Random(seed).shuffle`` (they use seed 30); complements follow from the
        permutations as in LE's ``ito``. Its 64 permutations are files beside that code, not a
        function of a seed: here they come from the key's stream.

    Threat model: ciphertext-only; one key for the whole data set.

    Deviations: block keys belong to source blocks, as in all code; the paper's figure permutes
    first, which only renames the keys. Grey images and other sizes than 32×32 are extensions.

    Reference: K. Madono, M. Tanaka, M. Onishi, T. Ogawa: Block-wise Scrambled Image Recognition
    Using Adaptation Network. AAAI-20 Workshop on AIoT, 2020, arXiv:2001.07761.
    """

    card = TargetCard(
        name="ele",
        title="ELE: extended learnable encryption",
        reference=Reference(
            "K. Madono, M. Tanaka, M. Onishi, T. Ogawa",
            "Block-wise Scrambled Image Recognition Using Adaptation Network",
            "AAAI-20 Workshop on Artificial Intelligence of Things",
            2020,
            arxiv="2001.07761",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "ito", "madono"], Doc("the paper's scheme, or a published code's")
        ] = "paper"
        block_size: Annotated[int, Interval(ge=1, le=64), Doc("edge of a block, pixels")] = 4
        legacy_seed: PublishedSeed = None

        def __post_init__(self) -> None:
            check_seed(self.variant, self.legacy_seed)

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return int(self.config.block_size)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``blocks``: (n,) source blocks; ``permutations`` and ``negatives``: (n, S), as in LE."""
        count, symbols = self._size(image_shape)
        if self.config.variant == "ito":
            order, permutations = _ito_parts(
                published_seed(self.config.legacy_seed, draw), count, symbols
            )
        else:
            order = self._order(draw, count)
            rows = np.tile(np.arange(symbols), (count, 1))
            permutations = draw("permutations").permuted(rows, axis=1)
        if self.config.variant == "paper":
            negatives = draw("negatives").integers(0, 2, (count, symbols), dtype=np.bool_)
        else:
            negatives = derived_complements(permutations)
        return {
            "blocks": order.astype(np.min_scalar_type(count - 1)),
            "permutations": permutations.astype(np.min_scalar_type(symbols - 1)),
            "negatives": negatives,
        }

    def _order(self, draw: Draw, count: int) -> NDArray[np.integer]:
        if self.config.variant == "paper":
            return draw("blocks").permutation(count)
        order = list(range(count))
        seed = published_seed(self.config.legacy_seed, draw)
        import random

        random.Random(seed).shuffle(order)  # noqa: S311 (the published generator)
        return np.array(order)

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Each block's own nibble table, then the blocks in their new order."""
        numbers = blocks.nibble_numbers(shape, self.config.block_size)  # (n, S)
        source = parts["blocks"]  # (K, n)
        key = np.arange(len(source))[:, None]
        index = numbers[source[..., None], parts["permutations"][key, source]]  # (K, n, S)
        mask = parts["negatives"][key, source] * np.uint8(15)
        return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers), "nibble")

    @override
    def structure(self) -> Structure:
        return Structure("blocks", "nibble", self.config.block_size, moves_blocks=True)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of (S!·2^S)^n·n!; without 2^S if permutations decide the complements.

        The seeds of ``ito`` are not counted: they hold at most log2(100,000) bits per block.
        """
        count, symbols = self._size(image_shape)
        flips = symbols if self.config.variant == "paper" else 0
        return count * (permutation_bits(symbols) + flips) + permutation_bits(count)

    def _size(self, image_shape: ImageShape) -> tuple[int, int]:
        channels, height, width = self.padded_shape(image_shape)
        area = self.config.block_size**2
        return height * width // area, 2 * channels * area


def _ito_parts(
    seed: int, count: int, symbols: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Block order (n,) and nibble permutations (n, S), both from the start of one stream."""
    order = np.random.default_rng(seed).permutation(count)
    seeds = np.random.default_rng(seed).integers(ITO_BLOCK_SEEDS, size=count)
    drawn = [np.random.default_rng(found).permutation(symbols) for found in seeds]
    return order, np.stack(drawn)
