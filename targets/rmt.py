"""RMT of DisguisedNets: every block of an image multiplied by a secret matrix of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from typing_extensions import override

from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import NotInvertible
from ppattack.target import Key, LinearForm, LinearTarget, TargetCard
from ppattack.target.linear import noise_stream

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

LEVELS = 255.0
"""Images are scaled to [0, 1]."""


class RandomMultidimensionalTransformation(LinearTarget):
    """Blocks multiplied by secret orthogonal matrices, one for each place, then moved.

    A block of B × B pixels of one channel, scaled to [0, 1], is a matrix ``X``; its ciphertext is
    ``X R``, with an orthogonal ``R`` that belongs to the place of the block and is the same for
    all channels and images. Then the blocks change places, the same way in every image and
    channel. Ciphertexts are ``(N, C, H, W)`` float32.

    Threat model: one set of matrices and one order of blocks for the whole data set.

    Deviations: only the abstracts of the papers could be read; how a block is multiplied, and the
    noise, follow code published by others, so no ciphertext can be compared with the authors'.
    That code draws the noise and then does not add it, hence ``noise=1`` (none) by default; and it
    starts the generator of the block order anew for each channel, which gives all of them the
    same order. Images that are not a multiple of the block are padded by repeating the last row
    and column. The second method of DisguisedNets, AES for each block, is not here.

    Reference: S. Sharma, Y. Gu, K. Chen: A Comparative Study of Image Disguising Methods for
    Confidential Outsourced Learning. arXiv:2301.00252, 2023. Its journal version: DisguisedNets:
    Secure Image Outsourcing for Confidential Model Training in Clouds. ACM Transactions on Internet
    Technology, 2023, doi:10.1145/3609506.
    """

    card = TargetCard(
        name="rmt",
        title="DisguisedNets RMT: every block multiplied by a secret matrix of its place",
        reference=Reference(
            "S. Sharma, Y. Gu, K. Chen",
            "A Comparative Study of Image Disguising Methods for Confidential Outsourced Learning",
            "arXiv",
            2023,
            arxiv="2301.00252",
        ),
        cipher="tokens",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        block_size: Annotated[int, Interval(ge=2, le=64), Doc("edge of a block, pixels")] = 4
        scramble: Annotated[
            bool, Doc("whether blocks change places, the same way in every image")
        ] = True
        noise: Annotated[
            int,
            Interval(ge=1, le=256),
            Doc("N: uniform noise of 1 to N - 1 levels is added to each number; 1: none"),
        ] = 1

    @override
    def linear_form(self) -> LinearForm:
        """One orthogonal matrix for the rows of each block."""
        return LinearForm(
            self.config.block_size,
            vectors="rows",
            shared=False,
            moves_blocks=self.config.scramble,
            scale=LEVELS,
        )

    @override
    def transmitted(
        self, ciphertext: Tensor, key: Key, generator: np.random.Generator | None
    ) -> Tensor:
        """The ciphertext with noise; without a generator it follows from key and image."""
        import torch

        if self.config.noise == 1:
            return ciphertext
        stream = generator or noise_stream(key, ciphertext)
        levels = stream.integers(1, self.config.noise, tuple(ciphertext.shape))
        return ciphertext + torch.from_numpy(levels).to(ciphertext).div_(LEVELS)

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Undo order and matrices.

        Raises:
            NotInvertible: if noise was added.
        """
        if self.config.noise > 1:
            raise NotInvertible("'rmt' with noise above 1 loses the lowest levels for good.")
        return super().decrypt(ciphertexts, key)
