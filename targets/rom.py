"""Random orthogonal matrices: every block of an image multiplied by one secret matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import override

from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.target import LinearForm, LinearTarget, TargetCard

HALF_RANGE = 127.5
"""Levels from mid-grey to either end: images are scaled to [-1, 1]."""


class RandomOrthogonalMatrix(LinearTarget):
    """Blocks multiplied by one secret random orthogonal matrix.

    A block of M × M pixels, scaled to [-1, 1] and flattened (row, column, channel), is a vector of
    3M² numbers; its ciphertext is ``A x``, laid out as a block again. ``A`` is uniformly random
    among orthogonal matrices, and the same for all blocks and images. Blocks stay where they are,
    since ConvMixer needs their grid; ``scramble`` moves them, for vision transformers. Ciphertexts
    are ``(N, C, H, W)`` float32. A classifier adapts by multiplying its patch embedding by the
    transpose of ``A``.

    Threat model: one matrix for the whole data set, training and test images alike.

    Deviations: the paper generates its matrices by Gram-Schmidt; here they are drawn by a QR
    factorisation of a Gaussian matrix, which gives the same distribution. The order in
    which a block is flattened is ours; it changes the matrix and nothing else. Images that are not
    a multiple of the block are padded by repeating the last row and column.

    Reference: R. Aso, T. Chuman, H. Kiya: A Privacy Preserving Method with a Random Orthogonal
    Matrix for ConvMixer Models. arXiv:2301.03843, 2023.
    """

    card = TargetCard(
        name="rom",
        title="Random orthogonal matrix: blocks multiplied by one secret matrix",
        reference=Reference(
            "R. Aso, T. Chuman, H. Kiya",
            "A Privacy Preserving Method with a Random Orthogonal Matrix for ConvMixer Models",
            "arXiv",
            2023,
            arxiv="2301.03843",
        ),
        cipher="tokens",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        block_size: Annotated[
            int, Interval(ge=2, le=32), Doc("edge of a block, pixels; a patch of the classifier")
        ] = 16
        scramble: Annotated[
            bool, Doc("whether blocks change places too, the same way in every image")
        ] = False

    @override
    def linear_form(self) -> LinearForm:
        """One orthogonal matrix for all blocks."""
        return LinearForm(
            self.config.block_size,
            moves_blocks=self.config.scramble,
            centre=HALF_RANGE,
            scale=HALF_RANGE,
        )
