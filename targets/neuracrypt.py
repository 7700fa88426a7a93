"""NeuraCrypt: patches of an image encoded by a secret random network, then shuffled.

The owner of images publishes their codes and labels, and anybody can train on them. Anybody who has
the plain images of some codes, unmatched, can find out which is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Annotated

from typing_extensions import override

from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ImageError
from ppattack.target import ImageShape, TargetCard
from ppattack.target.neural import NeuralConfig, NeuralTarget

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {"paper": (2048, 16), "small": (256, 8)}
"""Hidden width and edge of a patch, by variant."""


class NeuraCrypt(NeuralTarget):
    """NeuraCrypt: one code vector per patch, in a different order for every image.

    A patch goes through a strided convolution and ReLU, ``depth - 3`` blocks of 1 × 1
    convolution, batch normalisation and ReLU, an added position vector, ReLU and a linear layer.
    All parameters are PyTorch's random initial ones and secret; the order of the patches is secret
    and chosen again for each image. Codes are ``(N, patches, hidden)`` float32.

    Variants:
        ``paper``: hidden width 2048, patches of 16 × 16; the paper has 256 × 256 pixels, grey.
        ``small``: hidden width 256, patches of 8 × 8, for images of 64 × 64.

    Depths: 7 is the paper's; 3 has no block; 47 is the challenge's deepest; 1 is the linear
    encoder, a single convolution.

    Threat model: one network for the whole data set. The published challenge also gives the
    adversary the plain images, unmatched, or images of the same distribution.

    Deviations: batch normalisation is frozen by default, so that a code depends on its image
    alone; the statistics are generated with the key, from noise with the spectrum of photographs,
    because a key is generated before there are images. The published code always normalises by the
    batch: ``batch_norm=batch``, with its batches of 256. Its loader for evaluation drops a smaller
    last batch; its export, which made the challenge, drops nothing, nor does this. Images that
    are not a multiple of the patch are padded by repeating the last row and column; colours are an
    extension.

    Reference: A. Yala, H. Esfahanizadeh, R. G. L. D' Oliveira, K. R. Duffy, M. Ghobadi,
    T. S. Jaakkola, V. Vaikuntanathan, R. Barzilay, M. Médard: NeuraCrypt: Hiding Private Health
    Data via Random Neural Networks for Public Training. arXiv:2106.02484 (2021).
    """

    card = TargetCard(
        name="neuracrypt",
        title="NeuraCrypt: patches encoded by a secret random network, then shuffled",
        reference=Reference(
            "A. Yala, H. Esfahanizadeh, R. G. L. D' Oliveira, K. R. Duffy, M. Ghobadi, "
            "T. S. Jaakkola, V. Vaikuntanathan, R. Barzilay, M. Médard",
            "NeuraCrypt: Hiding Private Health Data via Random Neural Networks for Public Training",
            "arXiv preprint",
            2021,
            arxiv="2106.02484",
        ),
        cipher="tokens",
        invertible=False,
    )

    @dataclass(frozen=True)
    class Config(NeuralConfig):
        """Settings of the scheme."""

        shuffle: Annotated[bool, Doc("shuffle the patches of every image")] = True
        mean: Annotated[
            float, Interval(ge=0, le=255), Doc("grey level that becomes zero; of chest X-rays")
        ] = 43.9
        std: Annotated[
            float, Interval(gt=0, le=255), Doc("grey levels that become one; of chest X-rays")
        ] = 63.2

    @property
    @override
    def hidden(self) -> int:
        """Width of the hidden layers and of the codes."""
        return int(self.config.hidden or SIZES[self.config.variant][0])

    @property
    @override
    def patch_size(self) -> int:
        """Edge of a patch, pixels."""
        return int(self.config.patch_size or SIZES[self.config.variant][1])

    @property
    @override
    def shuffles(self) -> bool:
        """Whether the patches of every image come in a different order."""
        return bool(self.config.shuffle)

    @override
    def width(self, channels: int) -> int:
        """Numbers per patch, as many as the hidden layers have."""
        return self.hidden

    @override
    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """The shape of the square grey images that have this many patches.

        Raises:
            ImageError: if no image has such codes.
        """
        edge = isqrt(ciphertext_shape[0])
        if len(ciphertext_shape) != 2 or edge**2 != ciphertext_shape[0]:
            raise ImageError(
                f"codes of shape {ciphertext_shape} are not those of square images: name the "
                "plain images of these ciphertexts."
            )
        return 1, edge * self.patch_size, edge * self.patch_size

    @override
    def normalised(self, images: Tensor) -> Tensor:
        """Grey levels minus the mean, divided by the deviation."""
        values = self.representation().prepare(images).float()
        return values.sub_(self.config.mean).div_(self.config.std)
