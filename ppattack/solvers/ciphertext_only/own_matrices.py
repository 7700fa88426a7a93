"""A secret orthogonal matrix of its own for every block, by the likelihood of whole images.

``y_p = s W_p x_p + b_p`` at each place p turns the covariance of whole images, block by block:
``C = W K W^T`` with a W that has the W_p along its diagonal. So the principal components of
ciphertext images are those of public images with every block turned, up to one sign each: the
leading ones give a start. Then W is raised to where ciphertexts are likeliest if public images are
Gaussian: ``tr(C W S W^T)`` with ``S = 1/r - 1/(K + r)`` grows whenever each W_p becomes the polar
factor of ``sum_q C_pq W_q S_qp``, because C and S have no negative eigenvalues. Third moments tell
W from -W, whatever the b_p are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from ppattack.maps import BlockLinear, Rows
from ppattack.solvers.ciphertext_only.block_matrix import (
    UNSCALED,
    Matrix,
    block_numbers,
    edges,
)
from ppattack.solvers.ciphertext_only.case import Case, Found, Single
from ppattack.solvers.ciphertext_only.clipping import unclipped
from ppattack.solvers.ciphertext_only.spectra import STRETCHED, equalised, stretch

START = 24
"""Principal components of images that give the start: from 300 ciphertexts, with fewer than 12 some
keys end worse."""
COARSE, FINE = 3.0, 0.3
"""Ridges, in average variances: a large one counts only large components, which come first."""
ROUNDS, LAST_ROUNDS, AGAIN = 15, 40, 15
"""Rounds with the first, for each guess; with the second; once clipped values were estimated."""
SHAPES = 12
"""Principal components whose third moments give the sign."""
MIDDLE = 127.5
"""The level that most ciphers leave where it is."""
CENTRED = 2.0
"""Times what chance makes of means, up to which ciphertexts agree with that."""
MOST_PUBLIC = 8000
"""Public images whose moments are taken."""
CLIPPED = 0.002
"""Share of values at 0 or 255 from which they are estimated."""
FEWEST = 100
"""Ciphertexts from which photographs of 32 pixels come back recognisable."""


@dataclass(frozen=True)
class Moments:
    """Moments of images of P blocks of k values.

    Args:
        mean: ``(P, k)``.
        variance: the sum of the variances of all values.
        covariance: ``(P k, P k)`` of images less the mean, each divided by its contrast, which no
            orthogonal matrices change.
        shapes: ``(P, k, m)`` the leading eigenvectors of it, times the roots of their eigenvalues.
        values: ``(N, P k)`` what it is the covariance of.
    """

    mean: Matrix
    variance: float
    covariance: Single
    shapes: Matrix
    values: Single


def moments(blocks: NDArray[np.floating] | Rows) -> Moments:
    """Moments of ``(N, P, k)`` values of blocks, of any type of number."""
    values, mean, variance = equalised(blocks)
    flat = values.reshape(len(values), -1)
    covariance = flat.T @ flat / np.float32(len(flat))
    some = min(max(START, SHAPES), flat.shape[1] - 1)
    start = np.ones(flat.shape[1], np.float32)
    found, vectors = eigsh(covariance, k=some, which="LA", v0=start)
    shapes = (vectors * np.sqrt(found.clip(0)))[:, ::-1].reshape(*mean.shape, some)
    return Moments(mean, variance, covariance, shapes.astype(np.float64), flat)


def turned(ours: Moments, theirs: Moments, channels: int) -> Matrix:
    """The orthogonal W, ``(P, k, k)``, for which ours are the moments of ``W x``.

    Second moments hardly change when a colour axis other than brightness is reversed everywhere,
    so each way of doing so is tried.

    Args:
        ours: of ciphertexts.
        theirs: of public images; these are moments of x.
        channels: the values of a block are those of its first channel, then of the next.
    """
    found = _start(ours.shapes[..., :START], theirs.shapes[..., :START])
    weights = _weights(theirs.covariance, COARSE)
    found = _raised(ours.covariance, weights, found, ROUNDS)
    ways = [found @ reversal for reversal in _reversals(theirs.covariance, channels, len(found[0]))]
    ends = [_raised(ours.covariance, weights, way, ROUNDS) for way in ways]
    found = max(ends, key=lambda end: _agreement(ours.covariance, weights, end))
    found = _raised(ours.covariance, _weights(theirs.covariance, FINE), found, LAST_ROUNDS)
    return found if _upright(found, ours, theirs) else -found


def _upright(found: Matrix, ours: Moments, theirs: Moments) -> bool:
    """Whether W is right rather than -W.

    By means, if the middle level may have stayed; or else by third moments, which tell it whatever
    was added.
    """
    forth = _scale(ours, theirs) * found
    apart = [_apart(sign * forth, ours, theirs) for sign in (1, -1)]
    if min(apart) <= CENTRED:
        return apart[0] <= apart[1]
    third, known = (
        _third(side.values, shapes[..., :SHAPES])
        for side, shapes in ((ours, found @ theirs.shapes), (theirs, theirs.shapes))
    )
    return float((third * known).sum()) >= 0


def _apart(forth: Matrix, ours: Moments, theirs: Moments) -> float:
    """How far means are from those of a map that leaves the middle level, in units of chance."""
    expected = MIDDLE + (forth @ (theirs.mean - MIDDLE)[:, :, None])[:, :, 0]
    chance = ours.variance / expected.size / len(ours.values)
    return float(np.sqrt(((ours.mean - expected) ** 2).mean() / max(chance, 1e-12)))


def _reversals(covariance: Single, channels: int, size: int) -> list[Matrix]:
    """``(k, k)`` each: the identity, and every choice of colour axes but the first reversed."""
    pixels = size // channels
    tiles = covariance.reshape(len(covariance) // size, channels, pixels, -1, channels, pixels)
    _, axes = np.linalg.eigh(np.einsum("pcipdi->cd", tiles).astype(np.float64))
    made = []
    for signs in product((1.0, -1.0), repeat=channels - 1):
        turn = (axes * np.array([*signs, 1.0])) @ axes.T
        made.append(np.kron(turn, np.eye(pixels)))
    return made


def _start(ours: Matrix, theirs: Matrix) -> Matrix:
    """W as far as the principal components ``(P, k, m)`` give it.

    Products of two components within a block are the same for both sides but for their signs.
    """
    first, second = (side.swapaxes(1, 2) @ side for side in (ours, theirs))
    agreement = (first * second).sum(0)
    np.fill_diagonal(agreement, 0)
    signs = np.where(np.linalg.eigh(agreement)[1][:, -1] < 0, -1.0, 1.0)
    while (gains := signs * (agreement @ signs)).min() < 0:
        signs[gains.argmin()] *= -1
    left, _, right = np.linalg.svd((ours * signs) @ theirs.swapaxes(1, 2))
    rank = min(ours.shape[2], ours.shape[1])
    found: Matrix = left[:, :, :rank] @ right[:, :rank]
    return found


def _weights(covariance: Single, ridge: float) -> Single:
    """``1/r - 1/(K + r)`` for a ridge r of so many average variances."""
    size = len(covariance)
    level = np.float32(ridge * max(float(covariance.trace()) / size, 1e-6))
    units = np.eye(size, dtype=np.float32)
    found: Single = units / level - scipy.linalg.inv(covariance + level * units)
    return found


def _raised(covariance: Single, weights: Single, found: Matrix, rounds: int) -> Matrix:
    """W ``(P, k, k)`` after so many rounds."""
    count, size, _ = found.shape
    grid = (count, size, count, size)
    ours = np.ascontiguousarray(covariance.reshape(grid).transpose(0, 2, 1, 3))  # (P, P, k, k)
    pulls = np.ascontiguousarray(
        weights.reshape(grid).transpose(2, 0, 1, 3).reshape(count, count * size, size)
    )
    now = found.astype(np.float32)
    for _ in range(rounds):
        moved = (ours @ now).transpose(0, 2, 1, 3).reshape(count, size, count * size)
        left, _, right = np.linalg.svd(moved @ pulls)
        now = left @ right
    return now.astype(np.float64)


def _agreement(covariance: Single, weights: Single, found: Matrix) -> float:
    """``tr(C W S W^T)``."""
    count, size, _ = found.shape
    now = found.astype(np.float32)
    right = covariance.reshape(-1, count, 1, size) @ now  # (D, P, 1, k)
    left = now @ weights.reshape(count, size, -1)
    return float((right.reshape(len(covariance), -1) * left.reshape(len(covariance), -1)).sum())


def _third(values: Single, shapes: Matrix) -> Matrix:
    """Third moments ``(m, m, m)`` of ``(N, P k)`` values along shapes ``(P, k, m)``."""
    along = values.astype(np.float64) @ shapes.reshape(-1, shapes.shape[2])
    found: Matrix = np.einsum("ni,nj,nk->ijk", along, along, along, optimize=True) / len(along)
    return found


def edges_of(case: Case) -> list[int]:
    """The edge of blocks that no matrix stretches, the smallest; none if there is none."""
    public = case.public_rows()[: len(case.rows)]
    for edge in edges(case.shape):
        numbers = block_numbers(case.shape, edge)
        numbers = numbers.reshape(-1, numbers.shape[2])
        if stretch(case.rows[:, numbers], public[:, numbers]) <= STRETCHED:
            return [edge]
    return []


def recover(case: Case, edge: int) -> Found:
    """The map of a matrix for every block of ``edge`` pixels, all channels together.

    What was clipped is estimated with the matrices found first, and these are found again.
    """
    grid = block_numbers(case.shape, edge)
    numbers = grid.reshape(-1, grid.shape[2])
    public = case.public_rows()[:MOST_PUBLIC][:, numbers]
    theirs = moments(public)
    blocks = case.rows[:, numbers]
    ours = moments(blocks)
    matrix = turned(ours, theirs, case.shape[0])
    if ((blocks == 0) | (blocks == 255)).mean() > CLIPPED:
        values = _unclipped(blocks, public, ours, theirs, matrix)
        ours = moments(values)
        weights = _weights(theirs.covariance, FINE)
        matrix = _raised(ours.covariance, weights, matrix, AGAIN)
    scale = _scale(ours, theirs)
    forth, back = scale * matrix, matrix.swapaxes(1, 2) / scale
    offset = _offset(forth, ours, theirs)
    undone = -(back @ offset[:, :, None])[:, :, 0]
    step = BlockLinear(numbers, forth, offset, back, undone)
    words = f"a matrix of its own, taken for orthogonal, for every block of {edge}x{edge} pixels"
    return Found(case.map(step), words)


def _offset(forth: Matrix, ours: Moments, theirs: Moments) -> Matrix:
    """``(P, k)`` b: that which leaves the middle level where it is, if the means allow it.

    Otherwise what means say, which is a little off if ciphertexts are few.
    """
    if _apart(forth, ours, theirs) <= CENTRED:
        middle: Matrix = MIDDLE - forth.sum(2) * MIDDLE
        return middle
    found: Matrix = ours.mean - (forth @ theirs.mean[:, :, None])[:, :, 0]
    return found


def _scale(ours: Moments, theirs: Moments) -> float:
    scale = float(np.sqrt(ours.variance / max(theirs.variance, 1e-12)))
    return 1.0 if abs(scale - 1) < UNSCALED else scale


def _unclipped(
    blocks: Rows, public: Rows, ours: Moments, theirs: Moments, matrix: Matrix
) -> Matrix:
    """``(N, P, k)`` values, clipped ones replaced by their expectation."""
    made = np.empty(blocks.shape)
    scale = _scale(ours, theirs)
    for place, turn in enumerate(matrix):
        plain = public[:, place].astype(np.float64) - theirs.mean[place]
        forth = scale * turn
        spread = forth @ (plain.T @ plain / len(plain)) @ forth.T
        made[:, place] = unclipped(blocks[:, place].astype(np.float64), ours.mean[place], spread)
    return made
