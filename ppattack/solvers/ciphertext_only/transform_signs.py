"""Secret signs of the DCT coefficients of blocks: coefficients of natural images are correlated.

A sign changes the sign of all correlations of its coefficient. So the products of the
ciphertexts' correlations with those of public images are ``s_i s_j`` times a square: their leading
eigenvector has the signs, which are then changed one after another, or together in all channels,
while that makes the ciphertexts likelier. The mean public image gives the sign of all together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from ppattack.images import ImageShape
from ppattack.maps import BlockLinear, Rows
from ppattack.solvers.ciphertext_only.block_matrix import block_numbers
from ppattack.solvers.ciphertext_only.case import Case, Found, Single
from ppattack.solvers.covariance.signed_matching import leading

Signs = NDArray[np.float32]
MIDDLE = 128.0
"""The level about which the transform is taken, as in JPEG."""
EDGES = (8, 4, 16)
"""Edges of blocks that are tried, pixels."""
MOST_PUBLIC = 4000
"""Public images whose correlations are taken."""
RIDGE = 0.2
"""Added to public correlations before they are inverted."""
WORTH = 1e-4
"""Changes that gain less are not made."""
MOST_ROUNDS = 20
"""Rounds over all kinds of changes, at most."""
CHANGED = 0.25
"""See :func:`changed`: .05 at most for signs at 100 and 1,000 ciphertexts, .9 for matrices."""
FLOOR = 0.05
"""Added to variances, as a share of their average in a block, so that small ones do not count."""
FEWEST = 100
"""Ciphertexts from which photographs of 32 pixels come back recognisable."""


@dataclass(frozen=True)
class Coefficients:
    """Statistics of DCT coefficients.

    Args:
        mean: ``(S,)``.
        correlation: ``(S, S)``.
        spread: ``(S,)`` standard deviations.
    """

    mean: Single
    correlation: Single
    spread: Single


def recover(case: Case, edge: int) -> Found:
    """The map of signs of the coefficients of blocks of ``edge`` pixels, channel by channel."""
    numbers = channel_blocks(case.shape, edge)
    public = case.public_rows()[:MOST_PUBLIC]
    ours, theirs = (coefficients(rows, numbers, edge) for rows in (case.rows, public))
    signs, agreement = synchronised(ours, theirs, case.shape[0])
    basis = _basis(edge)
    flips = signs.reshape(len(numbers), 1, edge * edge)
    matrix = (basis.T * flips) @ basis  # what the cipher does to the values of each block
    offset = MIDDLE - matrix.sum(2) * MIDDLE
    step = BlockLinear(numbers, matrix, offset, matrix, offset)
    words = f"signs of the DCT coefficients of blocks of {edge}x{edge} pixels"
    return Found(case.map(step), words, {"agreement": round(agreement, 4)})


def coefficients(rows: Rows, numbers: NDArray[np.intp], edge: int) -> Coefficients:
    """Statistics of the coefficients of ``(N, S)`` uint8, in the order of ``(n, edge, edge)``."""
    values = _values(rows, numbers, edge)
    mean = values.mean(0)
    values -= mean
    spread = np.maximum(values.std(0), 1e-3)
    values /= spread
    return Coefficients(mean, values.T @ values / np.float32(len(values)), spread)


def _values(rows: Rows, numbers: NDArray[np.intp], edge: int) -> Single:
    tiles = rows[:, numbers].reshape(len(rows), -1, edge, edge).astype(np.float32) - MIDDLE
    found: Single = dctn(tiles, axes=(2, 3), norm="ortho").reshape(len(rows), -1)
    return found


def changed(ours: Single, theirs: Single) -> float:
    """How far the variances ``(n, k)`` of coefficients changed, which signs leave as they are.

    The distance of their logarithms, averaged over coefficients, but for the contrast of all.

    Args:
        ours: of ciphertexts.
        theirs: of public images.
    """
    floor = FLOOR * theirs.mean(1, keepdims=True)
    apart = (np.log(ours + floor) - np.log(theirs + floor)).mean(0)
    return float(np.abs(apart - apart.mean()).mean())


def synchronised(ours: Coefficients, theirs: Coefficients, channels: int) -> tuple[Signs, float]:
    """The signs ``(S,)`` of -1 and 1, and how far products of correlations agree with them.

    Args:
        ours: of ciphertexts.
        theirs: of public images.
        channels: whose coefficients follow each other.

    Returns:
        the signs; and their agreement, 1 if every pair of coefficients agrees, weighted by what
        it says, and about 0 by chance.
    """
    both = ours.correlation * theirs.correlation
    np.fill_diagonal(both, 0)
    _, vectors = leading(both, 1)
    signs = np.where(vectors[:, 0] < 0, -1, 1).astype(np.float32)
    groups = _groups(len(signs), channels)
    # Roots do not let the few strong correlations decide alone.
    roots: Single = (np.sign(both) * np.sqrt(np.abs(both))).astype(np.float32)
    signs = climbed(roots, signs, groups)
    regular: Single = theirs.correlation + RIDGE * np.eye(len(signs), dtype=np.float32)
    pull = -ours.correlation * np.linalg.inv(regular)
    np.fill_diagonal(pull, 0)
    signs = climbed(pull, signs, groups)
    agreement = float(signs @ (both @ signs)) / max(float(np.abs(both).sum()), 1e-12)
    pattern = ours.mean * theirs.mean / (ours.spread * theirs.spread)
    return signs * (1 if float(signs @ pattern) >= 0 else -1), agreement


def climbed(pull: Single, signs: Signs, groups: list[NDArray[np.intp]]) -> Signs:
    """Signs s changed as long as that increases ``s^T pull s``.

    Args:
        pull: ``(S, S)`` symmetric with a diagonal of zeros.
        signs: ``(S,)`` to start from.
        groups: ``(m, g)`` each: signs that change together, as those of one coefficient in all
            channels must, which hold each other in place.
    """
    signs = signs.copy()
    field = pull @ signs
    inner = [pull[group[:, :, None], group[:, None, :]] for group in groups]
    for _ in range(MOST_ROUNDS):
        changes = 0
        for group, within in zip(groups, inner, strict=True):
            for _ in range(len(signs)):
                own = signs[group]
                gain = (signs * field)[group].sum(1) - np.einsum("mi,mij,mj->m", own, within, own)
                worst = group[int(gain.argmin())]
                if gain.min() > -WORTH:
                    break
                field -= 2 * pull[:, worst] @ signs[worst]
                signs[worst] *= -1
                changes += 1
        if not changes:
            break
    return signs


def _groups(size: int, channels: int) -> list[NDArray[np.intp]]:
    """Every sign alone, and those of one coefficient in some channels."""
    numbers = np.arange(size).reshape(channels, -1)
    sets = [each for many in range(2, channels + 1) for each in combinations(range(channels), many)]
    return [np.arange(size)[:, None], *(numbers[list(each)].T for each in sets)]


def channel_blocks(shape: ImageShape, edge: int) -> NDArray[np.intp]:
    """``(n, edge * edge)`` numbers of the bytes of each block of each channel."""
    channels, height, width = shape
    plane = block_numbers((1, height, width), edge).reshape(-1, edge * edge)
    return np.concatenate([plane + height * width * channel for channel in range(channels)])


def _basis(edge: int) -> NDArray[np.float64]:
    """``(k, k)`` the orthogonal DCT of the values of a block."""
    units = np.eye(edge * edge).reshape(-1, edge, edge)
    found: NDArray[np.float64] = dctn(units, axes=(1, 2), norm="ortho").reshape(len(units), -1).T
    return found


def edges(shape: ImageShape) -> list[int]:
    """Edges of blocks that fit the images, the likeliest first."""
    return [edge for edge in EDGES if not (shape[1] % edge or shape[2] % edge)]


def edges_of(case: Case) -> list[int]:
    """Those of which the variances of coefficients are still those of images."""
    return [edge for edge in edges(case.shape) if _changed(case, edge) <= CHANGED]


def _changed(case: Case, edge: int) -> float:
    numbers = channel_blocks(case.shape, edge)
    public = case.public_rows()[: len(case.rows)]
    ours, theirs = (_values(rows, numbers, edge).var(0) for rows in (case.rows, public))
    return changed(ours.reshape(len(numbers), -1), theirs.reshape(len(numbers), -1))
