"""What linear ciphers lose by clipping, estimated: a value at 0 or 255 was that or beyond.

Plain blocks are taken for Gaussian with the moments of public ones. The values of a ciphertext
block that were not clipped then say what the clipped ones were, within their bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import BlockLinear, Rows

Matrix = NDArray[np.float64]
NOISE = 1 / 12
"""Variance of rounding, squared levels."""
BLOCKS_AT_ONCE = 4096
LOW, HIGH = 0.0, 255.0


def unclipped(values: Matrix, mean: Matrix, covariance: Matrix) -> Matrix:
    """Values ``(B, k)`` of ciphertext blocks with clipped ones replaced by their expectation.

    Args:
        values: as they are, 0 to 255.
        mean: ``(k,)`` of unclipped ciphertext blocks.
        covariance: ``(k, k)`` of the same.

    Returns:
        ``(B, k)``, beyond 0 to 255 at most where a value was clipped.
    """
    made = values.astype(np.float64).copy()
    clipped = (made <= LOW) | (made >= HIGH)
    some = np.flatnonzero(clipped.any(1) & ~clipped.all(1))
    size = values.shape[1]
    for start in range(0, len(some), BLOCKS_AT_ONCE):
        rows = some[start : start + BLOCKS_AT_ONCE]
        seen = ~clipped[rows]
        both = seen[:, :, None] & seen[:, None]
        systems = np.where(both, covariance, 0.0)
        systems[:, np.arange(size), np.arange(size)] += np.where(seen, NOISE, 1.0)
        apart = np.where(seen, made[rows] - mean, 0.0)
        weights = np.linalg.solve(systems, apart[:, :, None])[:, :, 0]
        expected = mean + (weights * seen) @ covariance
        beyond = np.where(made[rows] <= LOW, np.minimum(expected, LOW), np.maximum(expected, HIGH))
        made[rows] = np.where(seen, made[rows], beyond)
    return made


def decrypted(rows: Rows, step: BlockLinear, public: Rows) -> Rows:
    """Ciphertexts of a linear map of blocks, decrypted with their clipped values estimated.

    Args:
        rows: ``(N, S)`` uint8 ciphertexts.
        step: the map.
        public: ``(M, S)`` uint8 images of the same distribution.
    """
    made = rows.copy()
    shared = len(step.matrix) == 1
    groups = [step.numbers] if shared else [row[None] for row in step.numbers]
    for place, numbers in enumerate(groups):
        size = numbers.shape[1]
        plain = public[:, numbers].reshape(-1, size).astype(np.float64)
        mean = plain.mean(0)
        plain -= mean
        matrix = step.matrix[place].astype(np.float64)
        covariance = matrix @ (plain.T @ plain / len(plain)) @ matrix.T
        values = rows[:, numbers].reshape(-1, size).astype(np.float64)
        whole = unclipped(values, matrix @ mean + step.offset[place], covariance)
        found = whole @ step.inverse[place].T + step.inverse_offset[place]
        made[:, numbers] = found.round().clip(0, 255).astype(np.uint8).reshape(-1, *numbers.shape)
    return made
