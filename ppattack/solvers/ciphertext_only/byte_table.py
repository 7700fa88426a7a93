"""One secret table for all bytes, and a permutation: by how often images use each value.

An image that has many pixels of a level has many of the next level too. So the correlations of
per-image histograms, which no permutation of bytes changes, are those of public images with the
levels permuted by the table. Matching the eigenvectors of both sides one to one gives the table,
nearly. It is corrected when places are known: then neighbours say which level each value of a
ciphertext stands for.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.context import Progress
from ppattack.maps import Rows, Running, Tables
from ppattack.solvers.ciphertext_only import masks
from ppattack.solvers.ciphertext_only.case import Case, Found, Places
from ppattack.solvers.ciphertext_only.places import byte_correlations, match, refined
from ppattack.solvers.ciphertext_only.state import settled, upright
from ppattack.solvers.ciphertext_only.statistics import LEVELS

FEWEST = 300
"""Ciphertexts from which places are found, as for masks; the table alone needs 100."""
MOST_PUBLIC = 4000
"""Public images whose correlations are taken."""
START_RANK = 3
"""Eigenvectors to start from, whose signs are tried."""
RANKS = (3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Eigenvectors in the steps of refinement, each of which is done twice."""
WEIGHT_OF_MEANS = 50.0
"""Weight of the mean histograms beside their correlations, when starts are compared: they alone
tell dark from bright."""
ROUNDS = 3
"""Times that places and the table correct each other, at most."""
SETTLED = 0.999
"""Share of places that stay, from which they need no more correction."""
CORRECTIONS = 3
"""Rounds in which neighbours correct the table."""


def recover(case: Case, chain: Running | None, progress: Progress) -> Found:
    """The map of one table and a permutation.

    Args:
        case: ciphertexts and public images.
        chain: the chain to undo, or None.
        progress: where stages are logged.
    """
    rows = case.rows if chain is None else chain.invert(case.rows)
    public = case.public_rows()
    levels = level_of_values(rows, public)
    progress.log("table estimated by histograms")
    plain = levels[rows]
    theirs = byte_correlations(public[:MOST_PUBLIC])
    ours = byte_correlations(plain)
    found, signs = match(ours, theirs, case.turns())
    index = np.argsort(refined(ours, theirs, found, signs))
    progress.log("places matched by the correlations of all bytes")
    levels = _corrected(rows[:, index], levels, public, case)
    chained = () if chain is None else (chain,)
    for _ in range(ROUNDS):
        made = case.map(*_steps(index, levels), *chained)
        before = upright(case, made, index)
        ours = byte_correlations(levels[rows[:, before]])
        places = refined(ours, theirs, np.arange(len(before)), np.ones(len(before), np.int8))
        index = before[np.argsort(places)]
        levels = _corrected(rows[:, index], levels, public, case)
        progress.log("places and table corrected by each other")
        if (index == before).mean() >= SETTLED:
            break
    result, notes = settled(case, case.map(*_steps(index, levels), *chained))
    words = "one table of bytes and a permutation"
    return Found(result, words if chain is None else f"{words}, chain by {chain.combine}", notes)


def _steps(index: Places, levels: NDArray[np.uint8]) -> tuple[Tables]:
    """The table and the permutation: ``index`` is the byte of each place."""
    return (Tables(np.argsort(index), np.argsort(levels).astype(np.uint8)[None]),)


def level_of_values(rows: Rows, public: Rows) -> NDArray[np.uint8]:
    """The level ``(256,)`` that each value of a ciphertext stands for, by histograms alone.

    Args:
        rows: ``(N, S)`` uint8 ciphertexts under one table, bytes in any order.
        public: ``(M, S)`` uint8.
    """
    (ours, our_mean), (theirs, their_mean) = (_statistics(each) for each in (rows, public))
    (values, vectors), (_, basis) = (_leading(each) for each in (ours, theirs))
    scale = np.sqrt(values)
    ends = []
    for signs in product((1, -1), repeat=START_RANK):
        turned = np.diag(np.array(signs, float))
        places = np.arange(LEVELS)
        for step, rank in enumerate([rank for rank in RANKS for _ in range(2)]):
            if step:
                left, _, right = np.linalg.svd(basis[places, :rank].T @ vectors[:, :rank])
                turned = left @ right
            known = vectors[:, :rank] * scale[:rank]
            expected = (basis[:, :rank] @ turned) * scale[:rank]
            scores = 2 * known @ expected.T - (expected**2).sum(1)
            places = linear_sum_assignment(scores, maximize=True)[1]
        misfit = ((ours - theirs[np.ix_(places, places)]) ** 2).sum()
        misfit += WEIGHT_OF_MEANS * ((our_mean - their_mean[places]) ** 2).sum()
        ends.append((float(misfit), places))
    best: NDArray[np.uint8] = min(ends, key=lambda end: end[0])[1].astype(np.uint8)
    return best


def _statistics(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations ``(256, 256)`` and means of the square roots of per-image counts.

    Roots of counts have about the same variance, whatever their size.
    """
    codes = rows + np.arange(len(rows))[:, None] * LEVELS
    counts = np.bincount(codes.reshape(-1), minlength=len(rows) * LEVELS)
    roots = np.sqrt(counts.reshape(len(rows), LEVELS).astype(np.float64))
    mean = roots.mean(0)
    roots -= mean
    roots /= np.maximum(roots.std(0), 1e-6)
    return roots.T @ roots / len(roots), mean


def _leading(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, vectors = np.linalg.eigh(matrix)
    return values[::-1][: RANKS[-1]].clip(0), vectors[:, ::-1][:, : RANKS[-1]]


def _corrected(
    moved: Rows, levels: NDArray[np.uint8], public: Rows, case: Case
) -> NDArray[np.uint8]:
    """Levels in the order in which neighbours predict them."""
    public = public[: max(1, masks.MOST_PUBLIC_BYTES // public.shape[1])]
    model = masks.learned(public, public, case.shape)
    counts = np.bincount(moved.reshape(-1), minlength=LEVELS)
    for _ in range(CORRECTIONS):
        predicted = model(levels[moved], case.shape)
        sums = np.bincount(moved.reshape(-1), predicted.reshape(-1), minlength=LEVELS)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), levels)
        levels = means.argsort().argsort().astype(np.uint8)
    return levels
