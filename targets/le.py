"""LE: learnable image encryption.

Every block of every image goes through one secret permutation of its half-bytes (nibbles) with
secret complements. Blocks stay where they are and equal blocks have equal ciphertexts, so
outlines survive and each block is a sample of the same unknown permutation.
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

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LE(PermXorTarget):
    """Learnable encryption: nibbles shuffled and complemented alike in every block.

    A block's bytes, in the order row, column, channel, give ``S = 2·C·B²`` nibbles, low ones
    first. ``y[j] = nibble[permutation[j]] XOR 15·negative[j]``; nibbles j and S/2 + j of y make
    byte j of the ciphertext block.

    Variants:
        ``paper``: complements drawn independently of the permutation.
        ``ito``: the code behind the published robustness figures (key: NumPy's
        ``default_rng(seed).permutation(S)``). Its one permutation also decides the complements:
        nibbles whose entry exceeds S/2 (47 of 96, one short of half) are complemented before
        and after the shuffle, so the key space shrinks to S!. The original author's code does
        the same with permutations from files.

    Threat model: ciphertext-only; one key for the whole data set.

    Deviations: grey images (C = 1) are an extension. Images that are not a multiple of the block
    are padded by repeating the last row and column.

    Reference: M. Tanaka: Learnable Image Encryption. IEEE ICCE-TW 2018, pp. 1-2,
    arXiv:1804.00490.
    """

    card = TargetCard(
        name="le",
        title="LE: learnable image encryption",
        reference=Reference(
            "M. Tanaka",
            "Learnable Image Encryption",
            "IEEE International Conference on Consumer Electronics-Taiwan, pp. 1-2",
            2018,
            arxiv="1804.00490",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "ito"], Doc("the paper's scheme, or the published robustness code's")
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
        """``permutation``: (S,) source nibbles; ``negative``: (S,) which ones are complemented."""
        symbols = self._symbols(image_shape)
        if self.config.variant == "paper":
            permutation = draw("permutation").permutation(symbols)
            negative = draw("negative").integers(0, 2, symbols, dtype=np.bool_)
        else:
            seed = published_seed(self.config.legacy_seed, draw)
            permutation = np.random.default_rng(seed).permutation(symbols)
            negative = derived_complements(permutation)
        return {
            "permutation": permutation.astype(np.min_scalar_type(symbols - 1)),
            "negative": negative,
        }

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """The block's table, repeated for every block."""
        numbers = blocks.nibble_numbers(shape, self.config.block_size)  # (n, S)
        index = np.moveaxis(numbers[:, parts["permutation"]], 0, 1)  # (K, n, S)
        mask = np.broadcast_to(parts["negative"][:, None] * np.uint8(15), index.shape)
        return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers), "nibble")

    @override
    def structure(self) -> Structure:
        return Structure("shared-block", "nibble", self.config.block_size)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of S!·2^S, or of S! if the permutation decides the complements."""
        symbols = self._symbols(image_shape)
        return permutation_bits(symbols) + (symbols if self.config.variant == "paper" else 0)

    def _symbols(self, image_shape: ImageShape) -> int:
        return int(2 * image_shape[0] * self.config.block_size**2)


def derived_complements(permutations: NDArray[np.integer]) -> NDArray[np.bool_]:
    """The net complements of published code: before and after the shuffle, if entries exceed S/2.

    Args:
        permutations: ``(..., S)``.
    """
    inverted: NDArray[np.bool_] = permutations > permutations.shape[-1] // 2
    return inverted ^ np.take_along_axis(inverted, permutations, axis=-1)
