"""Block-wise transformation with one key: pixel shuffling (SHF) and negative/positive (NP).

Meant as a defence against adversarial examples, and used as encryption since. Every block of every
image is transformed alike; blocks stay where they are, so outlines survive.
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

from .vit_blocks import in_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

Transformation = Literal["shf", "np", "shf-np"]


class BlockDefence(PermXorTarget):
    """The bytes of a block shuffled (SHF), half of them complemented (NP), or both.

    With the bytes of a block of B × B pixels in the order row, column, channel, D = C·B²:
    SHF ``y[j] = x[permutation[j]]``; NP ``y[j] = x[j] XOR 255·negative[j]``; both: shuffled, then
    complemented.

    Variants:
        ``paper``: a uniformly random permutation, and exactly half of the bytes complemented.
        ``code``: the authors' code: one permutation ``randperm(D)`` of torch's CPU generator after
        ``manual_seed(seed)`` for SHF, and bytes whose entry exceeds D/2 complemented for NP: one
        short of half.

    Threat model: ciphertext-only; one key for the whole data set.

    Deviations: the paper's third transformation, format-preserving encryption of the levels (FFX),
    is ``block-defence-ffx``: its ciphertexts are no bytes. ``shf-np`` is our composition. Images
    that are not a multiple of the block are padded by repeating the last row and column.

    Reference: M. AprilPyone, H. Kiya: Block-Wise Image Transformation With Secret Key for
    Adversarially Robust Defense. IEEE Transactions on Information Forensics and Security
    16:2709-2723, 2021, arXiv:2010.00801.
    """

    card = TargetCard(
        name="block-defence",
        title="Block-wise pixel shuffling or complements with one key",
        reference=Reference(
            "M. AprilPyone, H. Kiya",
            "Block-Wise Image Transformation With Secret Key for Adversarially Robust Defense",
            "IEEE Transactions on Information Forensics and Security 16:2709-2723",
            2021,
            arxiv="2010.00801",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        transformation: Annotated[
            Transformation, Doc("shf: bytes shuffled; np: half of them complemented; or both")
        ] = "shf"
        variant: Annotated[
            Literal["paper", "code"], Doc("the paper's scheme, or its code's keys")
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
        """``permutation``: (D,) source bytes; ``negative``: (D,) which ones are complemented."""
        size, config = self._size(image_shape), self.config
        if config.variant == "paper":
            permutation = draw("permutation").permutation(size)
            negative = draw("negative").permutation(size) < size // 2
        else:
            permutation = randperm(published_seed(config.legacy_seed, draw), size)
            negative = permutation > size // 2
        parts: dict[str, NDArray[np.generic]] = {}
        if config.transformation != "np":
            parts["permutation"] = permutation.astype(np.min_scalar_type(size - 1))
        if config.transformation != "shf":
            parts["negative"] = negative
        return parts

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """The block's table, repeated for every block."""
        numbers = in_line(shape, self.config.block_size, "hwc")  # (n, D)
        count = len(next(iter(parts.values())))
        index = np.broadcast_to(numbers, (count, *numbers.shape))
        if "permutation" in parts:
            index = np.moveaxis(numbers[:, parts["permutation"]], 0, 1)  # (K, n, D)
        mask = np.zeros((count, 1, 1), np.uint8)
        if "negative" in parts:
            mask = parts["negative"][:, None] * np.uint8(255)
        mask = np.broadcast_to(mask, index.shape)
        return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers))

    @override
    def structure(self) -> Structure:
        if self.config.transformation == "np":
            return Structure("pixels")
        negatives = self.config.transformation == "shf-np"
        return Structure("shared-block", "byte", self.config.block_size, negatives=negatives)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of D!, of D over D/2, or of both; one D! if a permutation decides everything."""
        size = self._size(image_shape)
        orders, signs = permutation_bits(size), math.log2(math.comb(size, size // 2))
        if self.config.transformation == "shf-np" and self.config.variant == "paper":
            return orders + signs
        return signs if self.config.transformation == "np" else orders

    def _size(self, image_shape: ImageShape) -> int:
        return int(image_shape[0] * self.config.block_size**2)


def randperm(seed: int, size: int) -> NDArray[np.int64]:
    """What torch's CPU generator permutes after ``manual_seed(seed)``."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    drawn: NDArray[np.int64] = torch.randperm(size, generator=generator).numpy()
    return drawn
