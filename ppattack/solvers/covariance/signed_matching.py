"""An unknown signed permutation between two correlation matrices, with nothing else known.

The leading eigenvector of natural correlations is brightness, positive throughout, so its signs
are the complements. The eigenvectors of both sides then span nearly the same spaces, and the
small orthogonal map between them, refined from a few dimensions to many while the permutation is
read off by nearest neighbours, gives the permutation. Reference: S. Melzi, J. Ren, E. Rodolà,
A. Sharma, P. Wonka, M. Ovsjanikov: ZoomOut: Spectral Upsampling for Efficient Shape
Correspondence. ACM Transactions on Graphics 38(6), 2019, doi:10.1145/3355089.3356524.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.matching.products import BY_NUMPY, Products

Single = NDArray[np.float32]
Vector = NDArray[np.float64]
Places = NDArray[np.intp]

START_RANK = 3
"""Eigenvectors to start from: brightness and two gradients, whose signs and order are tried."""
TRIED_RANK = 24
"""Eigenvectors up to which every start is refined before the best one continues."""
STARTING_ROWS = 1000
"""Cipher symbols that are enough to refine a start."""
SUBSPACE_ROUNDS = 8
"""Steps of subspace iteration, with half as many dimensions again: enough for it to converge."""
COMPARED_RANK = 64
"""Eigenvectors with which a matching is compared with its mirror images."""
MATCHED_RANK = 100
AS_WELL = 0.02
"""Means decide between mirror images whose likeness is within this of the best one's."""
MEAN_RIDGE = 0.1
"""Added to plain correlations before they are inverted; smaller trusts fine detail more."""
SMALL_ENOUGH = 512
"""Symbols that are left to exact assignment; before that, mutual best choices are matched."""


@dataclass(frozen=True)
class SignedMatch:
    """A signed permutation and how well it fits.

    Args:
        permutation: ``(S,)``: the plain symbol of each cipher symbol.
        signs: ``(S,)`` of -1 and 1, up to one common sign.
        likeness: correlation of the matched matrices' off-diagonal entries, at most 1.
        rivals: how many mirror images fit about as well, the one chosen included.
    """

    permutation: Places
    signs: NDArray[np.int8]
    likeness: float
    rivals: int


def match(
    cipher: NDArray[np.floating],
    plain: NDArray[np.floating],
    symmetries: Sequence[Places] = (),
    means: tuple[Vector, Vector] | None = None,
    products: Products = BY_NUMPY,
) -> SignedMatch:
    """Find p and s that make ``cipher`` most like ``s_i s_j plain[p_i, p_j]``.

    Args:
        cipher: ``(S, S)`` correlations of the ciphertexts' symbols.
        plain: ``(S, S)`` correlations of plain symbols.
        symmetries: permutations of the plain symbols that hardly change their correlations, such
            as the mirror image: the result is compared with its images under them.
        means: those of the symbols of both sides relative to mid-grey, in standard deviations. They
            decide between mirror images that fit equally well.
        products: computes products.
    """
    ours, theirs = cipher.astype(np.float32), plain.astype(np.float32)
    values, vectors = leading(ours, MATCHED_RANK, products)
    _, basis = leading(theirs, MATCHED_RANK, products)
    np.fill_diagonal(ours, 0)
    np.fill_diagonal(theirs, 0)
    signs: Single = np.where(vectors[:, 0] < 0, -1, 1).astype(np.float32)
    rank = min(vectors.shape[1], basis.shape[1])
    scale = np.sqrt(values[:rank])
    vectors, basis = vectors[:, :rank] * signs[:, None], basis[:, :rank]
    low = min(TRIED_RANK, rank)
    some = Spectra(vectors[:: max(1, len(vectors) // STARTING_ROWS)], basis, scale, products)
    start, _ = min((some.zoom(one, low) for one in _starts()), key=lambda end: end[1])
    places = Spectra(vectors, basis, scale, products).scores(start).argmax(1)
    turn = _outvoted(ours, theirs, signs, places)
    signs, vectors = signs * turn, vectors * turn[:, None]
    ours *= signs[:, None] * signs
    spectra = Spectra(vectors, basis, scale, products)
    ends = []
    for symmetry in (np.arange(len(plain)), *symmetries):
        turned, _ = spectra.zoom(spectra.map(symmetry[places], low), min(COMPARED_RANK, rank))
        nearest = spectra.scores(turned).argmax(1)
        ends.append((_likeness(ours, theirs, nearest), nearest, turned))
    fitting = [end for end in ends if end[0] > max(end[0] for end in ends) - AS_WELL]
    _, _, turned = max(fitting, key=lambda end: end[0])
    if means is not None:
        weights, seen = _mean_weights(theirs, means[1]), means[0] * signs
        _, _, turned = max(fitting, key=lambda end: abs(float(seen @ weights[end[1]])))
    turned, _ = spectra.zoom(turned, rank)
    places = assign(spectra.scores(turned))
    likeness = _likeness(ours, theirs, places)
    return SignedMatch(places, signs.astype(np.int8), likeness, len(fitting))


def _mean_weights(theirs: Single, mean: Vector) -> Vector:
    """The factors of the means in their likelihood: the plain means, decorrelated."""
    regular = theirs + (1 + MEAN_RIDGE) * np.eye(len(theirs), dtype=np.float32)
    weights: Vector = np.linalg.solve(regular, mean.astype(np.float32)).astype(np.float64)
    return weights


def leading(matrix: Single, rank: int, products: Products = BY_NUMPY) -> tuple[Single, Single]:
    """The largest eigenvalues ``(k,)``, descending and above 0, and their vectors ``(S, k)``.

    The matrix is positive semidefinite, as correlations are.
    """
    rank = min(rank, len(matrix) - 1)
    spare = min(rank + max(rank // 2, 16), len(matrix))
    start = np.random.default_rng(0).standard_normal((len(matrix), spare), np.float32)
    basis = _orthonormal(start)
    for _ in range(SUBSPACE_ROUNDS):
        basis = _orthonormal(products.product(matrix, basis))
    values, turned = np.linalg.eigh(basis.T @ products.product(matrix, basis))
    values, vectors = values[-rank:], basis @ turned[:, -rank:]
    order = [k for k in np.argsort(-values) if values[k] > 0]
    vectors = vectors[:, order]
    vectors[:, 0] *= 1 if vectors[:, 0].sum() >= 0 else -1
    return values[order].astype(np.float32), vectors.astype(np.float32)


def _orthonormal(columns: Single) -> Single:
    """An orthonormal basis of the columns' span, by products only, which threads share well."""
    wide = columns.astype(np.float64)
    values, turned = np.linalg.eigh(wide.T @ wide)
    kept = values > values[-1] * 1e-12
    found: Single = (wide @ (turned[:, kept] / np.sqrt(values[kept]))).astype(np.float32)
    return found


def assign(scores: Single) -> Places:
    """A permutation of large total score, in bounded time.

    Symbols and places that choose each other are matched, and again among those left over, until
    few enough are left for exact assignment.
    """
    size = len(scores)
    places = np.full(size, -1)
    rows, columns = np.arange(size), np.arange(size)
    left = scores
    while len(rows) > SMALL_ENOUGH or len(rows) == size:
        first, second = left.argmax(1), left.argmax(0)
        mutual = second[first] == np.arange(len(rows))
        places[rows[mutual]] = columns[first[mutual]]
        open_columns = np.ones(len(columns), dtype=bool)
        open_columns[first[mutual]] = False
        left = left[~mutual][:, open_columns]
        rows, columns = rows[~mutual], columns[open_columns]
    chosen = linear_sum_assignment(left, maximize=True)[1]
    places[rows] = columns[chosen]
    return places


def assign_blocks(scores: Single, size: int) -> Places:
    """A permutation of large total score that keeps each ``size`` successive symbols together.

    Blocks are assigned by what their symbols could reach at best, then symbols within blocks.
    """
    count = len(scores) // size
    cells = scores.reshape(count, size, count, size)
    best = cells.max(3).sum(1) + cells.max(1).sum(2)
    blocks = linear_sum_assignment(best, maximize=True)[1]
    places = np.empty(len(scores), np.intp)
    for row, column in enumerate(blocks):
        inner = linear_sum_assignment(cells[row, :, column], maximize=True)[1]
        places[row * size : (row + 1) * size] = column * size + inner
    return places


def _starts() -> list[Single]:
    """Small orthogonal maps: the gradients in either order, with either sign."""
    out = []
    for order in permutations(range(1, START_RANK)):
        for signs in product((1, -1), repeat=START_RANK - 1):
            start = np.zeros((START_RANK, START_RANK), np.float32)
            start[0, 0] = 1
            start[list(order), range(1, START_RANK)] = signs
            out.append(start)
    return out


@dataclass(frozen=True)
class Spectra:
    """Eigenvectors of both sides and the small orthogonal maps between them.

    Args:
        vectors: ``(R, K)`` rows of the cipher's eigenvectors, some or all.
        basis: ``(S, K)`` the plain eigenvectors.
        scale: ``(K,)`` square roots of the cipher's eigenvalues, which weigh the dimensions.
        products: computes products.
    """

    vectors: Single
    basis: Single
    scale: Single
    products: Products

    def map(self, places: Places, rank: int) -> Single:
        """The orthogonal map ``(rank, rank)`` under a matching ``(R,)``."""
        left, _, right = np.linalg.svd(self.basis[places, :rank].T @ self.vectors[:, :rank])
        turned: Single = (left @ right).astype(np.float32)
        return turned

    def scores(self, turned: Single) -> Single:
        """Minus squared distances, without what depends on the row alone; ``(R, S)``."""
        rank = len(turned)
        known = self.vectors[:, :rank] * self.scale[:rank]
        expected = (self.basis[:, :rank] @ turned) * self.scale[:rank]
        scores = self.products.product(2 * known, expected.T)
        scores -= (expected**2).sum(1)
        return scores

    def zoom(self, start: Single, rank: int) -> tuple[Single, float]:
        """Refine a map up to ``rank`` dimensions; also return the final mean squared misfit."""
        step, rounds = (1, 2) if rank <= TRIED_RANK else (4, 1)
        turned, best = start, self.scores(start).argmax(1)
        for k in [k for k in (*range(len(start), rank, step), rank) for _ in range(rounds)]:
            turned = self.map(best, k)
            best = self.scores(turned).argmax(1)
        known = self.vectors[:, :rank] * self.scale[:rank]
        misfit = known - (self.basis[best, :rank] @ turned) * self.scale[:rank]
        return turned, float((misfit**2).sum() / len(known))


def _outvoted(ours: Single, theirs: Single, signs: Single, places: Places) -> Single:
    """-1 for symbols whose correlations with all others have the wrong sign in this matching."""
    votes = np.einsum("ij,ij,j->i", ours, theirs[np.ix_(places, places)], signs) * signs
    return np.where(votes < 0, -1, 1).astype(np.float32)


def _likeness(ours: Single, theirs: Single, places: Places) -> float:
    """Correlation of the matched entries, without the diagonal, which is 0 on both sides."""
    matched = theirs[np.ix_(places, places)]
    ours, matched = ours - ours.mean(), matched - matched.mean()
    return float((ours * matched).sum() / np.sqrt((ours**2).sum() * (matched**2).sum() or 1.0))
