"""Whether blocks can have gone through orthogonal matrices: those leave variances as they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import Rows
from ppattack.solvers.ciphertext_only.block_matrix import SMALL, Matrix
from ppattack.solvers.ciphertext_only.case import Single

STRETCHED = 0.2
"""See :func:`stretch`: of 100 to 1,000 ciphertexts it was .17 at most for orthogonal matrices of
blocks of that size or of smaller ones, and .29 at least for those of larger blocks."""
FLOOR = 0.05
"""Added to variances, as a share of their average: what rounding and clipping add to small ones."""


def stretch(blocks: Rows, public: Rows) -> float:
    """How far ``(N, P, k)`` blocks vary more in some directions, and less in others, than public.

    The distance of the logarithms of the variances at each place, in order of size, averaged over
    places: small for orthogonal matrices of these blocks, or of parts of them. Only the larger
    half counts, and no more than a quarter of the number of images: the others are mostly noise.
    """
    count = min(blocks.shape[2] // 2, max(2, len(blocks) // 4))
    ours, theirs = (_variances(side) for side in (blocks, public))
    floor = FLOOR * theirs.mean(1, keepdims=True)
    apart = np.log(ours[:, :count] + floor) - np.log(theirs[:, :count] + floor)
    return float(np.abs(apart.mean(0)).mean())


def _variances(blocks: Rows) -> Matrix:
    """``(P, k)`` the variances along principal components at each place, largest first."""
    values, _, _ = equalised(blocks)
    places = values.transpose(1, 2, 0)
    found = np.linalg.eigvalsh(places @ places.swapaxes(1, 2) / len(values))[:, ::-1]
    return found.clip(1e-6).astype(np.float64)


def equalised(blocks: NDArray[np.floating] | Rows) -> tuple[Single, Matrix, float]:
    """``(N, P, k)`` values less their mean, each image divided by its contrast.

    Returns:
        the values; their mean ``(P, k)``; and the sum of their variances before the division.
    """
    values = blocks.astype(np.float32)
    mean = values.mean(0, dtype=np.float64)
    values -= mean.astype(np.float32)
    norms = np.sqrt((values**2).mean((1, 2), keepdims=True))
    variance = float((norms.astype(np.float64) ** 2).mean() * mean.size)
    values /= norms + max(SMALL * float(norms.mean()), 1e-6)
    return values, mean, variance
