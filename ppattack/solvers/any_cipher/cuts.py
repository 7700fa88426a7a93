"""Ways to cut images into blocks, and transforms of blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.linalg import hadamard

from ppattack.images import ImageShape
from ppattack.solvers.any_cipher.fit import Numbers

LARGEST = 1_024
"""Values of the largest block that is tried."""


def cuts(shape: ImageShape, edges: tuple[int, ...]) -> Iterator[tuple[Numbers, str]]:
    """Blocks of all channels together and of each channel, that fit into an image.

    Args:
        shape: ``(C, H, W)``.
        edges: of blocks, pixels.

    Yields:
        ``(n, k)`` the numbers of the bytes of each block, and the blocks in words.
    """
    channels, height, width = shape
    numbers = np.arange(channels * height * width).reshape(shape)
    for edge in edges:
        if height % edge or width % edge or channels * edge * edge > LARGEST * channels:
            continue
        grid = numbers.reshape(channels, height // edge, edge, width // edge, edge)
        words = f"blocks of {edge}x{edge} pixels"
        if channels * edge * edge <= LARGEST:
            together = grid.transpose(1, 3, 0, 2, 4).reshape(-1, channels * edge * edge)
            yield together, words
        if channels > 1 and 1 < edge * edge <= LARGEST:
            apart = grid.transpose(0, 1, 3, 2, 4).reshape(-1, edge * edge)
            yield apart, f"{words}, each channel by itself"


def transforms(edge: int) -> list[tuple[str, NDArray[np.float64]]]:
    """Name and orthonormal rows ``(edge², edge²)`` of the transforms of a square block."""
    cosine = dct(np.eye(edge), norm="ortho", axis=0)
    found = [("DCT", np.kron(cosine, cosine))]
    if edge & (edge - 1) == 0:
        walsh = hadamard(edge) / edge**0.5
        found.append(("Hadamard transform", np.kron(walsh, walsh)))
    return found
