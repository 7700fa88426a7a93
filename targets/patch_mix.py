"""Patch mixing of PEViT: every patch is replaced by the mean of its four quarters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from typing_extensions import override

from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.target import ImageShape, Key, LinearForm, LinearTarget, Parts, TargetCard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike
    from torch import Tensor

QUARTERS = 4


class PatchMix(LinearTarget):
    """Patches replaced by the mean of their four quarters: a quarter of the numbers, and no key.

    A patch of 2M × 2M pixels becomes one of M × M, in place: pixel (i, j) is the mean of the four
    pixels (i, j), (i, j + M), (i + M, j), (i + M, j + M). It is linear and public; what hides an
    image is that four unknowns share each equation. Ciphertexts are ``(N, C, H/2, W/2)`` float32,
    in levels, 0 to 255.

    Threat model: none: there is no key.

    Deviations: the published code embeds the quarters by one convolution and averages the
    results, which is the same by linearity; it never makes an image. ``rounded=true`` is ours: what
    an 8-bit file would hold.

    Reference: F. Hao, F. He, Y. Wang, F. Wu, J. Zhang, D. Tao, J. Cheng: Human-Imperceptible,
    Machine-Recognizable Images. IJCAI 2025, arXiv:2306.03679.
    """

    card = TargetCard(
        name="patch-mix",
        title="Patch mixing: the mean of the four quarters of every patch, without a key",
        reference=Reference(
            "F. Hao, F. He, Y. Wang, F. Wu, J. Zhang, D. Tao, J. Cheng",
            "Human-Imperceptible, Machine-Recognizable Images",
            "International Joint Conference on Artificial Intelligence",
            2025,
            arxiv="2306.03679",
        ),
        cipher="tokens",
        invertible=False,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        quarter: Annotated[
            int, Interval(ge=1, le=32), Doc("edge of a quarter, pixels: half of a patch")
        ] = 8
        rounded: Annotated[bool, Doc("whether means are rounded to whole levels")] = False

    @override
    def linear_form(self) -> LinearForm:
        """The same public matrix for all patches."""
        return LinearForm(
            2 * self.config.quarter, cipher_block_size=self.config.quarter, orthogonal=False
        )

    @override
    def part_types(
        self, image_shape: ImageShape
    ) -> Mapping[str, tuple[DTypeLike, tuple[int, ...]]]:
        """There is no key."""
        return {}

    @override
    def matrices(self, parts: Parts, image_shape: ImageShape) -> Tensor:
        """``(1, D/4, D)``: a quarter of each of four numbers."""
        import torch

        edge, channels = self.config.quarter, image_shape[0]
        places = torch.arange(edge * edge * channels).reshape(edge, edge, channels)
        sources = places.repeat(2, 2, 1).flatten()  # the quarter's number that a pixel is part of
        made = torch.zeros(1, places.numel(), sources.numel())
        made[0, sources, torch.arange(sources.numel())] = 1 / QUARTERS
        return made

    @override
    def transmitted(
        self, ciphertext: Tensor, key: Key, generator: np.random.Generator | None
    ) -> Tensor:
        """The means, rounded if the settings say so."""
        return ciphertext.round() if self.config.rounded else ciphertext
