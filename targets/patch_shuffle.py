"""Patch shuffling of PEViT: the patches of an image in random order, another for every image.

The network that reads them does not know the order of patches and needs none. To a person the
ciphertext is a jigsaw puzzle of patches that are neither turned nor recoloured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError, ImageError, NotInvertible
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Key, Parts, PermXorTarget, TargetCard
from ppattack.target.representation import Representation
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from torch import Tensor

GREY = 128
"""Level of the places of dropped patches."""


@dataclass(frozen=True)
class Trimmed(Representation):
    """Patches without their borders, laid side by side.

    Args:
        multiple: edge of a patch, pixels.
        gap: pixels cut off at each side of every patch.
    """

    gap: int = 0

    @property
    def kept(self) -> int:
        """Edge of what is kept of a patch, pixels."""
        return self.multiple - 2 * self.gap

    @override
    def shape(self, image_shape: ImageShape) -> ImageShape:
        channels, height, width = super().shape(image_shape)
        return (
            channels,
            height // self.multiple * self.kept,
            width // self.multiple * self.kept,
        )

    @override
    def image_shape(self, shape: ImageShape) -> ImageShape:
        channels, height, width = shape
        if height % self.kept or width % self.kept:
            raise ImageError(
                f"no image has a ciphertext of shape {shape}: its edges must be multiples of "
                f"{self.kept} pixels, what a gap of {self.gap} leaves of a patch of "
                f"{self.multiple}."
            )
        return channels, height // self.kept * self.multiple, width // self.kept * self.multiple

    @override
    def prepare(self, images: Tensor) -> Tensor:
        whole = super().prepare(images)
        if not self.gap:
            return whole
        inner = slice(self.gap, self.gap + self.kept)
        return _joined(_tiled(whole, self.multiple)[:, :, :, inner, :, inner])

    @override
    def restore(self, prepared: Tensor, image_shape: ImageShape) -> Tensor:
        """Plain images; what was cut off is filled with the nearest pixel of its patch."""
        if not self.gap:
            return super().restore(prepared, image_shape)
        import torch

        edge = torch.arange(-self.gap, self.kept + self.gap).clamp(0, self.kept - 1)
        edge = edge.to(prepared.device)
        tiles = _tiled(prepared, self.kept)[:, :, :, edge][..., edge]
        return super().restore(_joined(tiles), image_shape)


def _tiled(images: Tensor, edge: int) -> Tensor:
    """``(N, C, H, W)`` as ``(N, C, rows, edge, columns, edge)``."""
    count, channels, height, width = images.shape
    return images.view(count, channels, height // edge, edge, width // edge, edge)


def _joined(tiles: Tensor) -> Tensor:
    """Undoes :func:`_tiled`."""
    count, channels, rows, edge, columns, _ = tiles.shape
    return tiles.reshape(count, channels, rows * edge, columns * edge).contiguous()


class PatchShuffle(PermXorTarget):
    """Patches in random order: output patch i is patch ``permutation[i]`` of the image.

    With ``gap`` a border of so many pixels is cut off every patch before, and with ``drop`` a
    share of the patches is left out: the last places of the ciphertext are grey then, and since
    the order is random, so is which patches are missing. Both are the paper's harder cases.

    Threat model: ciphertext-only; a fresh order for every image, which nobody stores.

    Deviations: the published code shuffles embedded patches inside the network; shuffling pixels
    is the same, because patches are embedded one by one. How the paper cuts gaps is not stated
    in what could be read.

    Reference: F. Hao, F. He, Y. Wang, F. Wu, J. Zhang, D. Tao, J. Cheng: Human-Imperceptible,
    Machine-Recognizable Images. IJCAI 2025, arXiv:2306.03679.
    """

    card = TargetCard(
        name="patch-shuffle",
        title="Patch shuffling: the patches of an image in random order",
        reference=Reference(
            "F. Hao, F. He, Y. Wang, F. Wu, J. Zhang, D. Tao, J. Cheng",
            "Human-Imperceptible, Machine-Recognizable Images",
            "International Joint Conference on Artificial Intelligence",
            2025,
            arxiv="2306.03679",
        ),
        key_scopes=("image", "dataset"),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        patch_size: Annotated[int, Interval(ge=1, le=256), Doc("edge of a patch, pixels")] = 16
        gap: Annotated[
            int, Interval(ge=0, le=64), Doc("pixels cut off at each side of every patch")
        ] = 0
        drop: Annotated[float, Interval(ge=0, lt=1), Doc("share of the patches left out")] = 0.0

        def __post_init__(self) -> None:
            if 2 * self.gap >= self.patch_size:
                raise ConfigError(
                    f"gap={self.gap} leaves nothing of patches of {self.patch_size} pixels: it "
                    "must be less than half of patch_size"
                )

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole patches."""
        return int(self.config.patch_size)

    @override
    def representation(self) -> Trimmed:
        return Trimmed(self.size_multiple, self.config.gap)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``permutation``: (n,) source patches."""
        order = draw("permutation").permutation(self._count(image_shape))
        return {"permutation": order.astype(np.min_scalar_type(len(order) - 1))}

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Whole patches move."""
        numbers = blocks.byte_numbers(shape, self._kept)  # (n, B², C)
        index = numbers[parts["permutation"]]
        mask = np.zeros(index.shape, np.uint8)
        return PermXor(blocks.place(index, numbers), blocks.place(mask, numbers))

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        out = super().encrypt(images, key, generator=generator)
        count = self._count(key.image_shape)
        left = round(self.config.drop * count)
        if left:
            numbers = blocks.byte_numbers(self.padded_shape(key.image_shape), self._kept)
            out.flatten(1)[:, numbers[count - left :].reshape(-1)] = GREY
        return out

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Decrypt, if nothing was cut off or left out.

        Raises:
            NotInvertible: with ``gap`` or ``drop``.
        """
        if self.config.gap or self.config.drop:
            raise NotInvertible(
                "what was cut off or left out is not in the ciphertext, so there is no exact "
                "decryption; use gap=0 and drop=0."
            )
        return super().decrypt(ciphertexts, key)

    @override
    def structure(self) -> Structure:
        return Structure(
            "blocks-dihedral",
            block_size=self._kept,
            moves_blocks=True,
            turns=False,
            flips=False,
            negatives=False,
            gap=self.config.gap,
            lossy=self.config.drop > 0,
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of n!."""
        return permutation_bits(self._count(image_shape))

    @property
    def _kept(self) -> int:
        """Edge of a patch in the ciphertext, pixels."""
        return self.representation().kept

    def _count(self, image_shape: ImageShape) -> int:
        _, height, width = self.padded_shape(image_shape)
        return int(height * width // self._kept**2)
