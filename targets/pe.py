"""PE: pixel-wise encryption.

Each colour value is complemented or not, and each pixel's colours may change places; no pixel
moves. Because ``min(v, 255 - v)`` survives, edges are visible in a single ciphertext.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack.card import Reference
from ppattack.config import Doc
from ppattack.errors import ConfigError, NotInvertible
from ppattack.permxor import PermXor
from ppattack.target import Draw, ImageShape, Key, Parts, PermXorTarget, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class PE(PermXorTarget):
    """Pixel-wise encryption: a complement bit for each value, a colour order for each pixel.

    ``t = x XOR 255·negative``; with ``color_shuffle``, output channel c of pixel (h, w) is
    channel ``COLOUR_ORDERS[colour[h, w]][c]`` of t. The journal version draws one key per image.

    Variants:
        ``paper``: exact and invertible.
        ``ito``: the code behind the published robustness figures: complement bits from
        ``RandomState(seed).randint(0, 2)`` of type int8 in the order channel, row, column, no
        colour shuffle. Saving ``(1 - v/255)`` as 8 bits there truncates where it should round,
        so 159 of the 256 values are one too low when complemented. ``truncation``
        reproduces that; two plain values then share a ciphertext value and decryption raises.

    Threat model: ciphertext-only; one key per image or one for all.

    Deviations: grey images (C = 1) are an extension; they have no colours to shuffle.

    Reference: W. Sirichotedumrong, Y. Kinoshita, H. Kiya: Pixel-Based Image Encryption Without
    Key Management for Privacy-Preserving Deep Neural Networks. IEEE Access 7:177844-177855,
    2019, doi:10.1109/ACCESS.2019.2959017. Earlier, with one key: ICIP 2019, arXiv:1905.01827.
    """

    card = TargetCard(
        name="pe",
        title="PE: pixel-wise encryption",
        reference=Reference(
            "W. Sirichotedumrong, Y. Kinoshita, H. Kiya",
            "Pixel-Based Image Encryption Without Key Management for Privacy-Preserving "
            "Deep Neural Networks",
            "IEEE Access 7:177844-177855",
            2019,
            doi="10.1109/ACCESS.2019.2959017",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "ito"], Doc("the paper's scheme, or the published robustness code's")
        ] = "paper"
        color_shuffle: Annotated[bool, Doc("a colour order for each pixel (RGB, not 'ito')")] = (
            False
        )
        truncation: Annotated[bool, Doc("the rounding loss of 'ito'; no effect on 'paper'")] = True
        legacy_seed: PublishedSeed = None

        def __post_init__(self) -> None:
            check_seed(self.variant, self.legacy_seed)
            if self.variant == "ito" and self.color_shuffle:
                raise ConfigError("the published code has no colour shuffle: use variant=paper")

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``negative``: (C, H, W) bits; ``colour``: (H, W) colour codes if they are shuffled."""
        if self.config.variant == "ito":
            seed = published_seed(self.config.legacy_seed, draw)
            bits = np.random.RandomState(seed).randint(0, 2, image_shape, dtype=np.int8)
            return {"negative": bits.astype(np.bool_)}
        parts: dict[str, NDArray[np.generic]] = {
            "negative": draw("negative").integers(0, 2, image_shape, dtype=np.bool_)
        }
        if self._shuffles(image_shape):
            parts["colour"] = draw("colour").integers(0, 6, image_shape[1:], dtype=np.uint8)
        return parts

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Complement, then reorder the colours together with their complement bits."""
        mask = parts["negative"] * np.uint8(255)  # (K, C, H, W)
        count, numbers = len(mask), np.arange(math.prod(shape), dtype=np.int32)
        if "colour" not in parts:
            index = np.broadcast_to(numbers, (count, len(numbers)))
            return PermXor(index, mask.reshape(index.shape))
        order = np.moveaxis(blocks.COLOUR_ORDERS[parts["colour"]], -1, 1)  # (K, C, H, W)
        moved = np.take_along_axis(numbers.reshape(1, *shape), order, axis=1)
        mask = np.take_along_axis(mask, order, axis=1)
        return PermXor(moved.reshape(count, -1), mask.reshape(count, -1))

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        out = super().encrypt(images, key, generator=generator)
        return self._truncated(out, key) if self._truncates else out

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Decrypt, if nothing was truncated.

        Raises:
            NotInvertible: with the published code's truncation.
        """
        if self._truncates:
            raise NotInvertible(
                "truncation gave two values one ciphertext, so there is no exact decryption; "
                "use truncation=false or the 'paper' variant."
            )
        return super().decrypt(ciphertexts, key)

    @override
    def structure(self) -> Structure:
        return Structure("pixels", colours=self.config.color_shuffle)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """One bit per value, and log2(6) per pixel if colours are shuffled."""
        colours = math.log2(6) if self._shuffles(image_shape) else 0.0
        return math.prod(image_shape) + colours * math.prod(image_shape[1:])

    @property
    def _truncates(self) -> bool:
        return bool(self.config.variant == "ito" and self.config.truncation)

    def _shuffles(self, image_shape: ImageShape) -> bool:
        return bool(self.config.color_shuffle and image_shape[0] == 3)

    def _truncated(self, out: Tensor, key: Key) -> Tensor:
        """Lower, in place, the complemented values that the published code rounds down."""
        import torch

        lost = torch.from_numpy(_truncation_loss()).to(out.device)
        negative = torch.from_numpy(key.parts["negative"]).to(out.device).view(-1, *out.shape[1:])
        for start in range(0, len(out), self.KEYS_AT_ONCE):
            part = slice(start, start + self.KEYS_AT_ONCE)
            rows = negative if len(negative) == 1 else negative[part]
            out[part] -= lost[out[part].int()] * rows
        return out


def _truncation_loss() -> NDArray[np.uint8]:
    """(256,) by complemented value: 1 if single precision and truncation lose one level."""
    plain = np.arange(256, dtype=np.float32) / np.float32(255)
    saved = ((np.float32(1) - plain) * np.float32(255)).astype(np.uint8)
    return ((255 - np.arange(256)) - saved)[::-1].astype(np.uint8)
