"""One secret orthogonal matrix for every block, by the alignment of moments.

``y = Q x + b`` turns the cloud of blocks, and with it every covariance of a block with another at
a given step: ``L' = Q L Q^T``. The eigenvectors of the covariance of blocks with themselves give Q
up to signs, the covariances with neighbours give the signs, and then all of them together give Q
by alternation: the polar factor of ``sum L' Q L^T``. Moments about blocks at each place in the
image differ too, which helps, and says which of Q and -Q is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.maps import BlockLinear, Rows
from ppattack.solvers.ciphertext_only.case import Case, Found
from ppattack.solvers.ciphertext_only.clipping import unclipped

Matrix = NDArray[np.float64]
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
"""Blocks down and across to the blocks with which one is compared."""
SWEEPS, LAST_SWEEPS = 6, 100
"""Rounds of alternation after each component, and after all."""
PASSES = 8
"""How often the matrix is found, first from clipped values, at most."""
BETTER = 0.01
"""Relative decrease of the misfit below which no more passes are made."""
SETTLED = 1e-6
FLATTENED = 0.2
"""Power of the variances by which components are divided: 0 leaves the largest to decide alone,
1/2 makes all equal, and then the noise of the smallest decides."""
FLOOR = 1e-3
"""The least variance that counts, relative to the average."""
SMALL = 0.1
"""Share of the average norm that is added to the norm of each block before it is divided."""
EDGES = (2, 4, 8)
"""Edges of blocks that are tried, pixels."""
UNSCALED = 0.2
"""Contrast of few images differs from that of public ones by less; then values keep their scale."""
ROUNDING = 1 / 12
"""Variance, squared levels, that rounding to bytes adds in every direction."""
SPREAD = "spread"
"""Note: see :func:`_spread`."""
FEWEST = 100
"""Ciphertexts from which photographs of 32 pixels come back recognisable."""


@dataclass(frozen=True)
class BlockMoments:
    """Moments of the blocks of images.

    Args:
        mean: ``(k,)`` over all blocks.
        places: ``(n, k)`` the mean at each place, less that.
        variance: the sum of the variances of all values.
        covariance: ``(k, k)`` of blocks in proportion, see :func:`moments`.
        lagged: ``(L, k, k)`` likewise, with the block at each step.
    """

    mean: Matrix
    places: Matrix
    variance: float
    covariance: Matrix
    lagged: Matrix


def moments(blocks: NDArray[np.floating] | Rows) -> BlockMoments:
    """Moments of ``(N, rows, columns, k)`` values of blocks, of any type of number.

    Covariances are those of blocks less the mean of their image, each divided by its norm. An
    orthogonal matrix leaves norms as they are, so these turn with it as blocks do, and no image of
    high contrast outweighs the others.
    """
    values = blocks.astype(np.float32)
    rows, columns, size = values.shape[1:]
    mean = values.mean((0, 1, 2), dtype=np.float64)
    values -= mean.astype(np.float32)
    variance = float((values**2).mean(dtype=np.float64) * size)
    places = values.mean(0, dtype=np.float64).reshape(-1, size)
    if rows * columns > 1:
        values -= values.mean((1, 2), keepdims=True)
    norms = np.sqrt((values**2).sum(3, keepdims=True))
    values /= norms + max(SMALL * float(norms.mean()), 1e-6)
    lagged = []
    for down, right in STEPS:
        if down >= rows or abs(right) >= columns:
            continue
        left, start = max(0, -right), max(0, right)
        width = columns - abs(right)
        here = values[:, : rows - down, left : left + width].reshape(-1, size)
        there = values[:, down:, start : start + width].reshape(-1, size)
        lagged.append((here.T @ there).astype(np.float64) / len(here))
    flat = values.reshape(-1, size)
    covariance = (flat.T @ flat).astype(np.float64) / len(flat)
    shape = (len(lagged), size, size)
    return BlockMoments(mean, places, variance, covariance, np.array(lagged).reshape(shape))


def rotation(ours: BlockMoments, theirs: BlockMoments) -> tuple[Matrix, float]:
    """The orthogonal Q for which ours are the moments of ``Q x`` if theirs are those of x.

    Args:
        ours: of ciphertexts.
        theirs: of public images.

    Returns:
        ``(k, k)`` Q, whose sign is that which the means at each place suggest; and the share of
        the lagged covariances, flattened, that it does not explain.
    """
    (values, vectors), (known, basis) = (_leading(side.covariance) for side in (ours, theirs))
    first = (vectors / _power(values)).T @ ours.lagged @ (vectors / _power(values))
    second = (basis / _power(known)).T @ theirs.lagged @ (basis / _power(known))
    turned = grown(first, second)
    predicted = turned @ second @ turned.T
    misfit = float(((first - predicted) ** 2).sum() / max((first**2).sum(), 1e-12))
    found = _polar(vectors @ (_power(values)[:, None] * turned / _power(known)) @ basis.T)
    if (ours.places * (theirs.places @ found.T)).sum() < 0:
        found = -found
    return found, misfit


def _polar(matrix: Matrix) -> Matrix:
    left, _, right = np.linalg.svd(matrix)
    found: Matrix = left @ right
    return found


def _leading(covariance: Matrix) -> tuple[Matrix, Matrix]:
    values, vectors = np.linalg.eigh(covariance)
    return values[::-1].clip(FLOOR * values.mean()), vectors[:, ::-1]


def _power(values: Matrix) -> Matrix:
    found: Matrix = values**FLATTENED
    return found


def grown(first: Matrix, second: Matrix) -> Matrix:
    """The orthogonal R for which ``first`` is most like ``R second R^T``, step by step.

    Components enter by their variance, one after another: those that are in place say with which
    sign the next one does.
    """
    size = first.shape[1]
    turned = np.ones((1, 1))
    for rank in range(2, size + 1):
        known = rank - 1
        ours = np.concatenate([first[:, :known, known], first[:, known, :known]])
        theirs = np.concatenate([second[:, :known, known], second[:, known, :known]])
        sign = 1.0 if (ours * (theirs @ turned.T)).sum() >= 0 else -1.0
        grown = np.zeros((rank, rank))
        grown[:known, :known], grown[known, known] = turned, sign
        turned = _alternated(first[:, :rank, :rank], second[:, :rank, :rank], grown, SWEEPS)
    return _alternated(first, second, turned, LAST_SWEEPS)


def _alternated(first: Matrix, second: Matrix, turned: Matrix, sweeps: int) -> Matrix:
    for _ in range(sweeps):
        before = turned
        total = (first @ turned @ second.swapaxes(1, 2)).sum(0)
        total += (first.swapaxes(1, 2) @ turned @ second).sum(0)
        turned = _polar(total)
        if np.abs(turned - before).max() < SETTLED:
            break
    return turned


def recover(case: Case, edge: int) -> Found:
    """The map of one orthogonal matrix for blocks of ``edge`` pixels, all channels together.

    What was clipped is estimated with the matrix found first, and the matrix found again.
    """
    numbers = block_numbers(case.shape, edge)
    theirs, spread = _plain_moments(case.public_rows()[:, numbers])
    blocks = case.rows[:, numbers]
    values: NDArray[np.floating] | Rows = blocks
    misfit = np.inf
    for _ in range(PASSES):
        before = misfit
        ours = moments(values)
        matrix, misfit = rotation(ours, theirs)
        scale = float(np.sqrt(ours.variance / max(theirs.variance, 1e-12)))
        if abs(scale - 1) < UNSCALED:
            scale = 1.0
        forth = scale * matrix
        offset = ours.mean - forth @ theirs.mean
        if misfit > (1 - BETTER) * before:
            break
        values = unclipped_blocks(blocks, forth @ theirs.mean + offset, forth @ spread @ forth.T)
    back = matrix.T / scale
    step = BlockLinear(
        numbers.reshape(-1, numbers.shape[2]),
        forth[None],
        offset[None],
        back[None],
        (theirs.mean - back @ ours.mean)[None],
    )
    words = f"one orthogonal matrix for every block of {edge}x{edge} pixels"
    return Found(
        case.map(step),
        words,
        {"misfit": round(misfit, 4), SPREAD: _spread(values, scale**2 * spread)},
    )


def _spread(blocks: NDArray[np.floating] | Rows, plain: Matrix) -> float:
    """How much ``(N, rows, columns, k)`` blocks stretch some directions more than others do.

    The deviation of the logarithms of variances, in order of size, from those of public blocks of
    the covariance ``plain``, in the ciphertexts' contrast and after rounding: 0 for any orthogonal
    matrix. The smaller half is left out: clipping decides it.
    """
    rounded = plain + ROUNDING * np.eye(len(plain))
    ours, theirs = (
        np.log(np.linalg.eigvalsh(each)[-(len(plain) // 2) :].clip(1e-3))
        for each in (_covariance(blocks), rounded)
    )
    return round(float((ours - theirs).std()), 4)


def _plain_moments(blocks: Rows) -> tuple[BlockMoments, Matrix]:
    """Moments of public blocks, and their plain covariance."""
    return moments(blocks), _covariance(blocks)


def _covariance(blocks: NDArray[np.floating] | Rows) -> Matrix:
    flat = blocks.reshape(-1, blocks.shape[-1]).astype(np.float32)
    flat -= flat.mean(0)
    return (flat.T @ flat).astype(np.float64) / len(flat)


def unclipped_blocks(blocks: Rows, mean: Matrix, covariance: Matrix) -> Matrix:
    """``(N, rows, columns, k)`` values, clipped ones replaced by their expectation."""
    flat = blocks.reshape(-1, blocks.shape[-1]).astype(np.float64)
    return unclipped(flat, mean, covariance).reshape(blocks.shape)


def block_numbers(shape: ImageShape, edge: int) -> NDArray[np.intp]:
    """``(rows, columns, k)`` numbers of the bytes of each block, in the order (C, edge, edge)."""
    channels, height, width = shape
    numbers = np.arange(channels * height * width)
    tiles = numbers.reshape(channels, height // edge, edge, width // edge, edge)
    found = tiles.transpose(1, 3, 0, 2, 4)
    return found.reshape(height // edge, width // edge, channels * edge * edge)


def edges(shape: ImageShape) -> list[int]:
    """Edges of blocks that fit the images, the smallest first."""
    return [edge for edge in EDGES if not (shape[1] % edge or shape[2] % edge)]
