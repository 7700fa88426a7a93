"""Color-NeuraCrypt: NeuraCrypt for colour images, with codes that are images again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from ppattack.card import Reference
from ppattack.errors import ImageError
from ppattack.target import ImageShape, TargetCard
from ppattack.target.neural import NeuralConfig, NeuralTarget

if TYPE_CHECKING:
    from torch import Tensor

PATCH_SIZES = {"paper": 16, "small": 8}
"""Edge of a patch, by variant."""


class ColorNeuraCrypt(NeuralTarget):
    """Color-NeuraCrypt: three channels, no shuffle, and a pixel shuffle that makes an image.

    The network is NeuraCrypt's with as many outputs per patch as a patch has pixel values, so that
    they can be laid out as a patch of an image: output ``c·p² + p·i + j`` is colour c of the
    pixel in row i and column j. Ciphertexts are ``(N, 3, H, W)`` float32, unbounded, for
    fine-tuning a vision transformer.

    Variants:
        ``paper``: patches of 16 × 16; the paper has 224 × 224 pixels.
        ``small``: patches of 8 × 8.

    Threat model: one network for the whole data set, training and test images alike.

    Deviations: the paper does not say how wide the network is, how images are normalised and what a
    depth of 4 counts. Here the hidden layers are as wide as a patch has values (768), images
    are scaled to [-1, 1] and there are four blocks (``depth=7``, as NeuraCrypt names it). Batch
    normalisation is frozen by default, as in ``neuracrypt``. Images that are not a multiple of the
    patch are padded by repeating the last row and column.

    Reference: Z. Qi, A. MaungMaung, H. Kiya: Color-NeuraCrypt: Privacy-Preserving Color-Image
    Classification Using Extended Random Neural Networks. arXiv:2301.04778 (2023).
    """

    card = TargetCard(
        name="color-neuracrypt",
        title="Color-NeuraCrypt: colour patches encoded by a secret random network, as an image",
        reference=Reference(
            "Z. Qi, A. MaungMaung, H. Kiya",
            "Color-NeuraCrypt: Privacy-Preserving Color-Image Classification Using Extended "
            "Random Neural Networks",
            "International Workshop on Advanced Imaging Technology",
            2023,
            arxiv="2301.04778",
        ),
        cipher="tokens",
        invertible=False,
        channels=(3,),
    )

    @dataclass(frozen=True)
    class Config(NeuralConfig):
        """Settings of the scheme."""

    @property
    @override
    def hidden(self) -> int:
        """Width of the hidden layers."""
        return int(self.config.hidden or self.width(3))

    @property
    @override
    def patch_size(self) -> int:
        """Edge of a patch, pixels."""
        return int(self.config.patch_size or PATCH_SIZES[self.config.variant])

    @override
    def width(self, channels: int) -> int:
        """Numbers per patch, as many as it has pixel values."""
        return channels * self.patch_size**2

    @override
    def normalised(self, images: Tensor) -> Tensor:
        """Levels scaled to [-1, 1]."""
        return self.representation().prepare(images).float().div_(127.5).sub_(1)

    @override
    def tokens(self, ciphertexts: Tensor) -> Tensor:
        """The codes of the patches, ``(N, P, 3·p²)``, by undoing the pixel shuffle."""
        from torch.nn import functional

        codes = functional.pixel_unshuffle(ciphertexts, self.patch_size)
        return codes.flatten(2).transpose(1, 2)

    @override
    def ciphertexts(self, tokens: Tensor, image_shape: ImageShape) -> Tensor:
        """The pixel shuffle of codes ``(N, P, 3·p²)``: ``(N, 3, H, W)``."""
        from torch.nn import functional

        _, height, width = self.padded_shape(image_shape)
        grid = (height // self.patch_size, width // self.patch_size)
        return functional.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, grid), self.patch_size)

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext: that of the padded image."""
        return self.padded_shape(image_shape)

    @override
    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """The shape of the ciphertext itself.

        Raises:
            ImageError: if it does not have three channels and whole patches.
        """
        if len(ciphertext_shape) == 3 and self.padded_shape(ciphertext_shape) == ciphertext_shape:
            return super().plain_shape(ciphertext_shape)
        raise ImageError(
            f"ciphertexts of shape {ciphertext_shape} are not images in whole patches of "
            f"{self.patch_size}: name the settings with which they were made."
        )
