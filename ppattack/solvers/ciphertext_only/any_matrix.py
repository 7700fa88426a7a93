"""One secret matrix of any kind for every block, by the alignment of whitened moments.

``y = A x + b``, divided by the root of its covariance, is a turned picture of x divided by the root
of its own: ``C_y^(-1/2) A = Q C_x^(-1/2)`` with an orthogonal Q. So the rest is as in
:mod:`.block_matrix`, but the covariance of blocks with themselves, now 1, says nothing of Q: the
covariances with neighbours give its eigenvectors too. Different sums of them are tried as starts,
because close eigenvalues change places; the one that explains most is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import BlockLinear, Rows
from ppattack.solvers.ciphertext_only.block_matrix import (
    SPREAD,
    BlockMoments,
    Matrix,
    block_numbers,
    grown,
    moments,
    unclipped_blocks,
)
from ppattack.solvers.ciphertext_only.case import Case, Found

STARTS = 16
"""Sums of lagged covariances whose eigenvectors are tried; the first weighs near steps more."""
NEAR = (1.0, 1.0, 0.5, 0.5, 0.3, 0.3)
EVEN = 0.7
"""Concentration of the random weights: below 1 a few steps decide."""
NEGATIVE = 0.15
"""Share of the weights that are subtracted."""
ALIKE = 1.02
"""Misfit, times the least, up to which ends explain as much: some have single components negative,
brightness among them, which the means at each place tell."""
PASSES = 2
"""From clipped values first, then from what they may have been."""
LARGEST_BLOCK = 64
"""Values of a block; of 192 the starts hardly ever found the way (SSIM .53 from 1,000)."""
STRETCHED = 0.17
"""Spread of variances up to which a matrix is taken for orthogonal: of ten sets of 100 and 1,000
ciphertexts the largest was .16 if it was, and the least .19 of matrices of normal numbers."""
FLOOR = 1e-7
"""The least variance that is divided by, relative to the largest."""
ROUNDING = 1e-3
"""The same in squared levels."""


@dataclass(frozen=True)
class Whitening:
    """Values less their mean, divided by the root of their covariance.

    Args:
        mean: ``(k,)``.
        covariance: ``(k, k)``.
        forth: ``(k, k)`` symmetric, the root of its inverse.
        back: ``(k, k)`` symmetric, its root.
    """

    mean: Matrix
    covariance: Matrix
    forth: Matrix
    back: Matrix

    def moments(self, blocks: NDArray[np.floating] | Rows) -> BlockMoments:
        """The moments of ``(N, rows, columns, k)`` blocks, whitened."""
        return moments((blocks.astype(np.float64) - self.mean) @ self.forth)


def whitening(blocks: NDArray[np.floating] | Rows) -> Whitening:
    """What whitens ``(N, rows, columns, k)`` blocks."""
    flat = blocks.reshape(-1, blocks.shape[-1]).astype(np.float64)
    mean = flat.mean(0)
    flat -= mean
    covariance = flat.T @ flat / len(flat)
    values, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(values.clip(max(FLOOR * values[-1], ROUNDING)))
    return Whitening(mean, covariance, (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T)


def rotation(
    ours: BlockMoments, theirs: BlockMoments, rng: np.random.Generator
) -> tuple[Matrix, float]:
    """The orthogonal Q for which ours are the moments of ``Q x`` if theirs are those of x.

    Args:
        ours: of ciphertexts, whitened.
        theirs: of public images, whitened.
        rng: draws the weights of the starts.

    Returns:
        ``(k, k)`` Q, and the share of the lagged covariances that it does not explain.
    """
    steps = len(ours.lagged)
    first, second = (side.lagged + side.lagged.swapaxes(1, 2) for side in (ours, theirs))
    ends: list[tuple[float, float, Matrix]] = []
    for start in range(STARTS):
        weights = np.array(NEAR[:steps])
        if start:
            weights = rng.dirichlet(np.full(steps, EVEN))
            weights *= np.where(rng.random(steps) < NEGATIVE, -1, 1)
        vectors, basis = (
            np.linalg.eigh(np.tensordot(weights, side, 1))[1][:, ::-1] for side in (first, second)
        )
        seen, known = (
            axes.T @ side.lagged @ axes for axes, side in ((vectors, ours), (basis, theirs))
        )
        turned = grown(seen, known)
        left = ((seen - turned @ known @ turned.T) ** 2).sum()
        found = vectors @ turned @ basis.T
        agreement = float((ours.places * (theirs.places @ found.T)).sum())
        found = found if agreement >= 0 else -found
        ends.append((float(left / max((seen**2).sum(), 1e-12)), abs(agreement), found))
    least = min(misfit for misfit, _, _ in ends)
    misfit, _, best = max((end for end in ends if end[0] <= ALIKE * least), key=lambda end: end[1])
    return best, misfit


def instead_of(found: Found, case: Case) -> Found | None:
    """The map of any matrix, where one that was taken for orthogonal stretches the blocks.

    An orthogonal one is fitted first: it has half the freedom, comes out better if it is one, and
    says which blocks they are. Without that, blocks of another size look right too.

    Args:
        found: of :func:`.block_matrix.recover`, or of another model.
        case: that it was learned from.

    Returns:
        None if it does not stretch them, or the blocks have too many values.
    """
    step = found.map.steps[0]
    if found.notes.get(SPREAD, 0.0) <= STRETCHED or not isinstance(step, BlockLinear):
        return None
    size = math.isqrt(step.numbers.shape[1] // case.shape[0])
    return recover(case, size) if case.shape[0] * size**2 <= LARGEST_BLOCK else None


def recover(case: Case, edge: int) -> Found:
    """The map of one matrix for blocks of ``edge`` pixels, all channels together.

    Ciphertexts are decrypted by the linear map that expects least error of them, not by the
    inverse of the matrix, which would blow up what rounding did to its weakest directions.
    """
    numbers = block_numbers(case.shape, edge)
    plain = case.public_rows()[:, numbers]
    theirs = whitening(plain)
    known = theirs.moments(plain)
    blocks = case.rows[:, numbers]
    values: NDArray[np.floating] | Rows = blocks
    for _ in range(PASSES):
        ours = whitening(values)
        turned, misfit = rotation(ours.moments(values), known, case.rng)
        forth = ours.back @ turned @ theirs.forth
        if not ((blocks == 0) | (blocks == 255)).any():
            break
        values = unclipped_blocks(blocks, ours.mean, ours.covariance)
    back = theirs.back @ turned.T @ ours.forth
    step = BlockLinear(
        numbers.reshape(-1, numbers.shape[2]),
        forth[None],
        (ours.mean - forth @ theirs.mean)[None],
        back[None],
        (theirs.mean - back @ ours.mean)[None],
    )
    words = f"one matrix, not orthogonal, for every block of {edge}x{edge} pixels"
    return Found(case.map(step), words, {"misfit": round(misfit, 4)})
