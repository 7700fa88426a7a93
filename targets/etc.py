"""EtC: encryption then compression, colour block scrambling.

Whole blocks change places, are rotated or flipped, complemented, and their colours change
places; inside a block neighbours stay neighbours, so that JPEG can still compress the result and
jigsaw solvers can reassemble it.
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
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTENDED_ORDERS = np.array(
    [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1], [1, 2, 0]], dtype=np.intp
)
"""The colour orders that the published codes' comments and branches intend."""
LOSSY_ORDERS = np.array(
    [[0, 1, 2], [1, 1, 2], [2, 1, 2], [0, 2, 2], [2, 2, 2], [1, 2, 1]], dtype=np.intp
)
"""What they actually do: channels are overwritten before they are read."""


class EtC(PermXorTarget):
    """Block scrambling for encryption-then-compression systems, colour version.

    For output block i: block ``permutation[i]``, turned by dihedral element ``dihedral[i]``
    (left-right flip if 4 or more, then ``dihedral % 4`` counter-clockwise quarter turns),
    complemented if ``negative[i]``, its colours in order ``COLOUR_ORDERS[colour[i]]``.

    Variants:
        ``paper``: all 8 rotations and flips, complements and 6 colour orders, independent and
        uniform; block edge 16 (one JPEG 4:2:0 unit).
        ``madono``: an earlier code, which uses 4-pixel blocks and Python's ``random`` (seed
        30): rotation 0/90/180/270 then flip rows / columns / none, which makes reflections
        twice as likely as rotations; exactly half of the blocks complemented. Its colour
        change overwrites a channel before it is read, so 5 of 6 codes lose a channel.
        ``ito``: the code behind the published robustness figures: the same with
        ``default_rng(seed)``, whose upper ends are exclusive: never unrotated, never unflipped
        (only the 4 reflections remain), never the last colour code. With ``channel_bug=false`` the
        published codes' colours become the permutations that they were meant to be, and decryption
        works.

    Threat model: ciphertext-only, known image distribution; one key for the whole data set.

    Deviations: keys are stored by output block; the published codes draw them by source block.
    Grey images (C = 1) have no colour code. With the published codes choose block_size=4.

    Reference: T. Chuman, W. Sirichotedumrong, H. Kiya: Encryption-Then-Compression Systems
    Using Grayscale-Based Image Encryption for JPEG Images. IEEE Transactions on Information
    Forensics and Security 14(6):1515-1525, 2019, arXiv:1811.00236.
    """

    card = TargetCard(
        name="etc",
        title="EtC: block scrambling for encryption-then-compression",
        reference=Reference(
            "T. Chuman, W. Sirichotedumrong, H. Kiya",
            "Encryption-Then-Compression Systems Using Grayscale-Based Image Encryption "
            "for JPEG Images",
            "IEEE Transactions on Information Forensics and Security 14(6):1515-1525",
            2019,
            arxiv="1811.00236",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "ito", "madono"], Doc("the paper's scheme, or a published code's")
        ] = "paper"
        block_size: Annotated[
            int, Interval(ge=1, le=256), Doc("edge of a block, pixels; published codes: 4")
        ] = 16
        channel_bug: Annotated[bool, Doc("published codes lose channels; no effect on 'paper'")] = (
            True
        )
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
        """By output block, (n,) each: ``permutation``, ``dihedral``, ``negative``, ``colour``."""
        count = self._count(image_shape)
        if self.config.variant == "paper":
            colour = draw("colour").integers(0, 6, count, dtype=np.uint8)
            parts = {**block_moves(draw, count), "colour": colour}
        else:
            parts = _published_parts(
                self.config.variant, published_seed(self.config.legacy_seed, draw), count
            )
        if image_shape[0] == 1:
            del parts["colour"]
        return parts

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        return scrambled_blocks(parts, shape, self.config.block_size, self._orders)

    @override
    def structure(self) -> Structure:
        return Structure(
            "blocks-dihedral",
            block_size=self.config.block_size,
            colours=True,
            moves_blocks=True,
            lossy=self.config.variant != "paper" and self.config.channel_bug,
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of n!·8^n·2^n·6^n; for published codes, of the random numbers that they use."""
        count = self._count(image_shape)
        variant, colour = self.config.variant, image_shape[0] == 3
        if variant == "paper":
            return permutation_bits(count) + count * math.log2(8 * 2 * (6 if colour else 1))
        turns, colours = (3 * 2, 5) if variant == "ito" else (4 * 3, 6)
        halves = math.log2(math.comb(count, count // 2))
        each = math.log2(turns * (colours if colour else 1))
        return permutation_bits(count) + halves + count * each

    @property
    def _orders(self) -> NDArray[np.intp]:
        if self.config.variant == "paper":
            return blocks.COLOUR_ORDERS
        return LOSSY_ORDERS if self.config.channel_bug else INTENDED_ORDERS

    def _count(self, image_shape: ImageShape) -> int:
        _, height, width = self.padded_shape(image_shape)
        return int(height * width // self.config.block_size**2)


def block_moves(draw: Draw, count: int) -> dict[str, NDArray[np.generic]]:
    """Uniformly random ``permutation``, ``dihedral`` and ``negative`` for a number of blocks."""
    return {
        "permutation": _smallest(draw("permutation").permutation(count)),
        "dihedral": draw("dihedral").integers(0, 8, count, dtype=np.uint8),
        "negative": draw("negative").integers(0, 2, count, dtype=np.bool_),
    }


def scrambled_blocks(
    parts: Parts, shape: ImageShape, block: int, orders: NDArray[np.intp]
) -> PermXor:
    """Number the bytes of each block and see where each comes from.

    Args:
        parts: by output block, ``(K, n)`` each, ``colour`` only if colours change places.
        shape: ``(C, H, W)``, H and W multiples of ``block``.
        block: edge of a block, pixels.
        orders: the channels in the order of each colour code.
    """
    numbers = blocks.byte_numbers(shape, block)  # (n, B², C)
    source = parts["permutation"][..., None, None]
    pixel = blocks.dihedral_table(block)[parts["dihedral"]][..., None]
    channel = orders[parts["colour"]][:, :, None] if "colour" in parts else np.arange(shape[0])
    index = numbers[source, pixel, channel]  # (K, n, B², C)
    mask = parts["negative"][..., None, None] * np.uint8(255)
    mask = np.broadcast_to(mask, index.shape)
    return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers))


def _smallest(permutation: NDArray[np.integer]) -> NDArray[np.generic]:
    """A permutation in the smallest type that holds it."""
    return permutation.astype(np.min_scalar_type(len(permutation) - 1))


def _published_parts(variant: str, seed: int, count: int) -> dict[str, NDArray[np.generic]]:
    """A published code's key: its random numbers by source block, reordered by output block."""
    order = list(range(count))
    kept = [1 - i % 2 for i in range(count)]
    if variant == "ito":
        rng = np.random.default_rng(seed)
        draws = [[int(rng.integers(end)) for end in (3, 2, 5)] for _ in range(count)]
        rng.shuffle(order)
        rng.shuffle(kept)
    else:
        import random

        python = random.Random(seed)  # noqa: S311 (the published generator)
        draws = [[python.randint(0, last) for last in (3, 2, 5)] for _ in range(count)]
        python.shuffle(order)
        python.shuffle(kept)
    rotation, flip, colour = np.array(draws, dtype=np.uint8).T[:, order]
    return {
        "permutation": _smallest(np.array(order)),
        "dihedral": _as_dihedral(rotation, flip),
        "negative": np.array(kept)[order] == 0,
        "colour": colour,
    }


def _as_dihedral(rotation: NDArray[np.uint8], flip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Published codes as one element: quarter turns (rotation + 1), then flip rows/columns/none.

    Turning k times and then flipping columns is flipping columns and then turning -k times;
    flipping rows is flipping columns and two more turns.
    """
    turns = rotation.astype(np.intp) + 1
    by_flip = [4 + (2 - turns) % 4, 4 + -turns % 4, turns % 4]
    return np.choose(flip, by_flip).astype(np.uint8)
