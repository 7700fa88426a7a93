"""EtC on grey images: colour components side by side, then block scrambling.

The three components of a colour image become one grey image three times as wide, whose blocks can
be smaller than a colour JPEG unit and say nothing about colours where they meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from typing_extensions import override

from ppattack.blocks import COLOUR_ORDERS
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError, ImageError
from ppattack.images import pad_to_multiple
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.representation import Panel, Representation
from ppattack.target.structure import Structure

from .etc import block_moves, scrambled_blocks

if TYPE_CHECKING:
    from torch import Tensor

ColourSpace = Literal["ycbcr", "rgb"]
Subsampling = Literal["444", "420"]
MILLION = 1_000_000
TO_YCBCR = (
    (299_000, 587_000, 114_000, 0),
    (-168_736, -331_264, 500_000, 128),
    (500_000, -418_688, -81_312, 128),
)
"""Full-range JFIF, in millionths; the last column is an offset."""
TO_RGB = ((0, 1_402_000), (-344_136, -714_136), (1_772_000, 0))
"""How much Cb - 128 and Cr - 128 add to Y, in millionths."""
FREE_LEVELS = range(83, 174)
"""Levels of Y, Cb and Cr that belong to an RGB colour in every combination."""
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class SideBySide(Representation):
    """Colour images as grey ones: ``[c1|c2|c3]``, or ``[Y|Cb over Cr]`` with halved chroma.

    Args:
        multiple: height and width are padded to multiples of it, pixels; even if chroma is halved.
        color_space: the components.
        subsampling: ``444`` for whole components, ``420`` for chroma averaged 2 by 2.
    """

    color_space: ColourSpace = "ycbcr"
    subsampling: Subsampling = "444"

    @property
    @override
    def levels(self) -> range:
        return FREE_LEVELS if self.color_space == "ycbcr" else range(256)

    @override
    def shape(self, image_shape: ImageShape) -> ImageShape:
        """``(1, H, 3W)`` or ``(1, H, 1.5W)``, H and W after padding."""
        _, height, width = super().shape(image_shape)
        return 1, height, width * 3 // (1 if self.subsampling == "444" else 2)

    @override
    def image_shape(self, shape: ImageShape) -> ImageShape:
        channels, height, width = shape
        whole = 3, height, (width if self.subsampling == "444" else 2 * width) // 3
        if channels != 1 or self.shape(whole) != shape:
            raise ImageError(
                f"no colour image has a ciphertext of shape {shape}: it must be grey, "
                f"{'3' if self.subsampling == '444' else '1.5'} times as wide as the image, whose "
                f"edges are multiples of {self.multiple} pixels."
            )
        return whole

    @override
    def panels(self, shape: ImageShape) -> tuple[Panel, ...]:
        _, height, width = shape
        if self.subsampling == "444":
            differences = self.color_space == "ycbcr"
            return tuple(
                Panel(0, width // 3 * i, height, width // 3, chroma=differences and i > 0)
                for i in range(3)
            )
        half, right = height // 2, width * 2 // 3
        chroma = (Panel(top, right, half, width - right, chroma=True) for top in (0, half))
        return (Panel(0, 0, height, right), *chroma)

    @override
    def prepare(self, images: Tensor) -> Tensor:
        import torch

        if images.shape[1] != 3:
            raise ImageError(f"these images have {images.shape[1]} channels, not 3.")
        done = []
        for part in pad_to_multiple(images, self.multiple).split(IMAGES_AT_ONCE):
            planes = part if self.color_space == "rgb" else _ycbcr(part)
            if self.subsampling == "444":
                done.append(torch.cat(planes.split(1, 1), dim=3))
            else:
                halves = torch.cat(_halved(planes[:, 1:]).split(1, 1), dim=2)
                done.append(torch.cat([planes[:, :1], halves], dim=3))
        return torch.cat(done)

    @override
    def restore(self, prepared: Tensor, image_shape: ImageShape) -> Tensor:
        """Plain images from prepared ones; chroma is enlarged to the nearest pixel."""
        import torch

        done = []
        for part in prepared.split(IMAGES_AT_ONCE):
            if self.subsampling == "444":
                planes = torch.cat(part.chunk(3, dim=3), dim=1)
            else:
                luma, halves = part.tensor_split([part.shape[3] * 2 // 3], dim=3)
                chroma = torch.cat(halves.chunk(2, dim=2), dim=1)
                chroma = chroma.repeat_interleave(2, 2).repeat_interleave(2, 3)
                planes = torch.cat([luma, chroma], dim=1)
            planes = planes[..., : image_shape[1], : image_shape[2]].contiguous()
            done.append(planes if self.color_space == "rgb" else _rgb(planes))
        return torch.cat(done)


def _ycbcr(images: Tensor) -> Tensor:
    """``(N, 3, H, W)`` uint8, rounded half up and clipped."""
    import torch

    red, green, blue = images.to(torch.int32).unbind(1)
    weighted = [r * red + g * green + b * blue + plus * MILLION for r, g, b, plus in TO_YCBCR]
    return _rounded(torch.stack(weighted, dim=1), MILLION)


def _rgb(images: Tensor) -> Tensor:
    """The RGB colours nearest to YCbCr ones, ``(N, 3, H, W)`` uint8."""
    import torch

    luma, blue, red = images.to(torch.int32).unbind(1)
    weighted = [luma * MILLION + b * (blue - 128) + r * (red - 128) for b, r in TO_RGB]
    return _rounded(torch.stack(weighted, dim=1), MILLION)


def _halved(planes: Tensor) -> Tensor:
    """The means of 2 by 2 pixels, ``(N, C, H / 2, W / 2)`` uint8."""
    import torch

    wide = planes.to(torch.int32)
    rows = wide[:, :, ::2] + wide[:, :, 1::2]
    return _rounded(rows[..., ::2] + rows[..., 1::2], 4)


def _rounded(values: Tensor, unit: int) -> Tensor:
    """Integers divided by the unit, rounded half up and clipped to 0..255."""
    import torch

    whole = torch.div(values + unit // 2, unit, rounding_mode="floor")
    return whole.clamp_(0, 255).to(torch.uint8)


class EtcGray(PermXorTarget):
    """Block scrambling of one grey image made of the three colour components.

    The components (Y, Cb and Cr, or R, G and B) are laid side by side. For output block i of
    that grey image: block ``permutation[i]``, turned by dihedral element ``dihedral[i]``
    (left-right flip if 4 or more, then ``dihedral % 4`` counter-clockwise quarter turns),
    complemented if ``negative[i]``. Blocks of all components are mixed. Grey ciphertexts are
    three times as wide as the image, or with ``subsampling=420`` one and a half times.

    Threat model: ciphertext-only, known image distribution; one key for the whole data set.

    Deviations: decryption returns the grey image exactly; from Y, Cb and Cr a colour can be one
    level off, and with ``subsampling=420`` chroma is averaged. The papers do not say how halved
    chroma is laid out: here Cb is above Cr, to the right of Y.

    Reference: T. Chuman, W. Sirichotedumrong, H. Kiya: Encryption-Then-Compression Systems
    Using Grayscale-Based Image Encryption for JPEG Images. IEEE Transactions on Information
    Forensics and Security 14(6):1515-1525, 2019, arXiv:1811.00236. YCbCr and subsampling:
    W. Sirichotedumrong, H. Kiya: Grayscale-based block scrambling image encryption using YCbCr
    color space for encryption-then-compression systems. APSIPA Transactions on Signal and
    Information Processing 8, e7, 2019.
    """

    card = TargetCard(
        name="etc-gray",
        title="EtC on grey images: colour components side by side, then block scrambling",
        reference=Reference(
            "T. Chuman, W. Sirichotedumrong, H. Kiya",
            "Encryption-Then-Compression Systems Using Grayscale-Based Image Encryption "
            "for JPEG Images",
            "IEEE Transactions on Information Forensics and Security 14(6):1515-1525",
            2019,
            arxiv="1811.00236",
        ),
        invertible=False,
        channels=(3,),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        block_size: Annotated[int, Interval(ge=1, le=256), Doc("edge of a block, pixels")] = 8
        color_space: Annotated[
            ColourSpace, Doc("the components that are laid side by side; rgb decrypts exactly")
        ] = "ycbcr"
        subsampling: Annotated[
            Subsampling, Doc("444: chroma as it is; 420: averaged over 2 by 2 pixels")
        ] = "444"

        def __post_init__(self) -> None:
            if self.color_space == "rgb" and self.subsampling != "444":
                raise ConfigError("color_space=rgb has no chroma to halve: use subsampling=444")

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded so that every component is made of whole blocks."""
        return int(self.config.block_size) * (1 if self.config.subsampling == "444" else 2)

    @override
    def representation(self) -> SideBySide:
        config = self.config
        return SideBySide(self.size_multiple, config.color_space, config.subsampling)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """By output block, (n,) each: ``permutation``, ``dihedral``, ``negative``."""
        return block_moves(draw, self._count(image_shape))

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        return scrambled_blocks(parts, shape, self.config.block_size, COLOUR_ORDERS)

    @override
    def structure(self) -> Structure:
        return Structure("blocks-dihedral", block_size=self.config.block_size, moves_blocks=True)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of n!·8^n·2^n for n blocks in the grey image."""
        count = self._count(image_shape)
        return permutation_bits(count) + count * math.log2(8 * 2)

    def _count(self, image_shape: ImageShape) -> int:
        _, height, width = self.padded_shape(image_shape)
        return int(height * width // self.config.block_size**2)
