"""Added masks, once places are known: by differences of neighbouring pixels, and by extremes.

Neighbours are nearly equal. So the histogram of ``c_i - c_j`` over the ciphertexts is that of plain
neighbours moved by ``k_i - k_j``, and the histogram of ``c_i`` is that of plain pixels moved by
``k_i``, with its peaks at black and at white. Public images say what both would be. The surest
differences form a tree to start from; then each mask is set to the likeliest given its
neighbours', until none changes.

Differences modulo 256 stay as they are if all masks of a region are wrong by as much. But then
black turns white next to pixels that stay dark. So public images also say how likely each pair of
neighbouring values is, and regions move to where the values of their pairs are likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from ppattack.images import ImageShape
from ppattack.maps import Rows
from ppattack.solvers.ciphertext_only.case import Single
from ppattack.solvers.ciphertext_only.statistics import LEVELS

Scores = NDArray[np.float64]
Ways = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
Numbers = NDArray[np.intp]
MOST_PUBLIC = 1000
"""Public images that are counted."""
PRIOR = 0.5
"""Added to counts before they become probabilities."""
SWEEPS = 30
"""Passes over all masks, at most."""
NEIGHBOURS = 0.3
"""Weight of each difference: those around a pixel are not independent, and images of the victims
differ from public ones by more there than in the extremes. 0.01 to 0.3 were tried, and the more the
better."""
DRIFT = 10.0
"""Levels by which masks along the tree go astray, as a standard deviation."""
AT_ONCE = 256
SHIFTS = np.arange(-16, 17)
"""Levels by which a mask and those around it move together: regions went astray by up to 12."""
SHIFTED = 3
"""Rounds of it; the first mends most, and later ones stop when nothing changes."""
MOST_PUBLIC_PAIRS = 4000
"""Public images whose pairs of values are counted."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of neighbours and how likely each difference of their masks is.

    Args:
        first: ``(E,)`` numbers of places.
        second: ``(E,)``.
        scores: ``(E, 256)`` log-likelihood of ``k_first - k_second``.
    """

    first: Numbers
    second: Numbers
    scores: Scores


def masks(moved: Rows, public: Rows, shape: ImageShape) -> NDArray[np.uint8]:
    """The masks ``(S,)`` uint8 in ``moved = plain + mask``, modulo 256.

    Args:
        moved: ``(N, S)`` uint8, the masked byte of each place.
        public: ``(M, S)`` uint8.
        shape: ``(C, H, W)``.
    """
    some = public[:MOST_PUBLIC]
    pairs = _compared(moved, some, shape)
    own = _moved_histogram(moved, some)
    relative = _along_tree(pairs, moved.shape[1])
    start = (relative + _common(own, relative)) % LEVELS
    apart = (np.arange(LEVELS) - start[:, None] + LEVELS // 2) % LEVELS - LEVELS // 2
    found = (own - apart**2 / (2 * DRIFT**2)).argmax(1)
    found = _settled(found, own, pairs, shape)
    tables = value_tables(public[:MOST_PUBLIC_PAIRS], shape)
    for _ in range(SHIFTED):
        before = found
        together = moved_together(moved, found, tables, shape)
        found = _settled(found, together, pairs, shape)
        if np.array_equal(found, before):
            break
    return found.astype(np.uint8)


def moved_together(moved: Rows, found: Numbers, tables: list[Single], shape: ImageShape) -> Scores:
    """``(S, 256)`` log-likelihood of each mask, if those of its neighbours change by as much.

    Changes that are not among ``SHIFTS`` count as the worst of them.
    """
    size = moved.shape[1]
    scores = np.zeros((size, len(SHIFTS)))
    rows = moved - found.astype(np.uint8)
    for number, shift in enumerate(SHIFTS):
        values = rows - np.uint8(shift % LEVELS)
        for (one, other), table in zip(_neighbours(shape), tables, strict=True):
            codes = values[:, one].astype(np.uint16) * np.uint16(LEVELS) + values[:, other]
            likely = table[codes].sum(0)
            scores[:, number] += np.bincount(one, likely, size) + np.bincount(other, likely, size)
    scores /= 2  # a pair counts once, half at each end
    every = np.repeat(scores.min(1)[:, None], LEVELS, axis=1)
    np.put_along_axis(every, (found[:, None] + SHIFTS) % LEVELS, scores, axis=1)
    return every


def value_tables(public: Rows, shape: ImageShape) -> list[Single]:
    """``(65536,)`` log-probabilities of the values of two neighbours, for each way they lie."""
    tables = []
    for one, other in _neighbours(shape):
        codes = public[:, one].astype(np.uint16) * np.uint16(LEVELS) + public[:, other]
        counts = np.bincount(codes.reshape(-1), minlength=LEVELS**2) + PRIOR
        tables.append(np.log(counts / counts.sum()).astype(np.float32))
    return tables


def _neighbours(shape: ImageShape) -> Ways:
    """Numbers of neighbouring places: across, down, in the next channel and in the one after."""
    numbers = np.arange(np.prod(shape)).reshape(shape)
    ways = [(numbers[:, :, 1:], numbers[:, :, :-1]), (numbers[:, 1:], numbers[:, :-1])]
    ways += [(numbers[1:], numbers[:-1])] if shape[0] > 1 else []
    ways += [(numbers[2:], numbers[:-2])] if shape[0] > 2 else []
    return [(one.reshape(-1), other.reshape(-1)) for one, other in ways]


def _settled(found: Numbers, own: Scores, pairs: Pairs, shape: ImageShape) -> Numbers:
    """Masks that are each the likeliest given their neighbours, places of one class at a time."""
    channel, row, column = np.unravel_index(np.arange(len(found)), shape)
    kind = channel * 2 + (row + column) % 2
    levels = np.arange(LEVELS)
    for _ in range(SWEEPS):
        before = found.copy()
        for each in range(2 * shape[0]):
            scores = own.copy()
            for here, there, sign in (
                (pairs.first, pairs.second, 1),
                (pairs.second, pairs.first, -1),
            ):
                at = np.flatnonzero(kind[here] == each)
                steps = sign * (levels - found[there[at], None]) % LEVELS
                np.add.at(scores, here[at], np.take_along_axis(pairs.scores[at], steps, axis=1))
            own_kind = kind == each
            found[own_kind] = scores[own_kind].argmax(1)
        if np.array_equal(found, before):
            break
    return found


def _compared(moved: Rows, public: Rows, shape: ImageShape) -> Pairs:
    parts = []
    for first, second in _neighbours(shape):
        turned = _turned((public[:, first] - public[:, second]).reshape(-1))
        for start in range(0, len(first), AT_ONCE):
            at = slice(start, start + AT_ONCE)
            counts = _counts(moved[:, first[at]] - moved[:, second[at]])
            parts.append((first[at], second[at], counts @ turned * NEIGHBOURS))
    return Pairs(*(np.concatenate([part[k] for part in parts]) for k in range(3)))


def _moved_histogram(moved: Rows, public: Rows) -> Scores:
    """``(S, 256)`` log-likelihood of each mask by the histogram of its byte alone."""
    turned = _turned(public.reshape(-1))
    return np.concatenate(
        [
            _counts(moved[:, start : start + AT_ONCE]) @ turned
            for start in range(0, moved.shape[1], AT_ONCE)
        ]
    )


def _turned(values: Rows) -> Scores:
    """``[v, k]``: the log-probability of v, if such values were increased by k."""
    counts = np.bincount(values, minlength=LEVELS)
    logs = np.log((counts + PRIOR) / (counts.sum() + PRIOR * LEVELS))
    found: Scores = logs[(np.arange(LEVELS)[:, None] - np.arange(LEVELS)) % LEVELS]
    return found


def _along_tree(pairs: Pairs, size: int) -> Numbers:
    """Masks that follow the surest differences, with 0 for the first place."""
    ranked = np.sort(pairs.scores, axis=1)
    sure = ranked[:, -1] - ranked[:, -2] + 1e-6
    ends = pairs.first, pairs.second
    step = sparse.coo_matrix((pairs.scores.argmax(1) + LEVELS, ends), (size, size)).tocsr()
    tree = minimum_spanning_tree(sparse.coo_matrix((-sure, ends), (size, size)).tocsr())
    order, before = breadth_first_order(tree + tree.T, 0, directed=False)
    found = np.zeros(size, np.intp)
    for node in order[1:].tolist():
        known = int(before[node])
        forth = int(step[node, known])
        found[node] = found[known] + (forth if forth else -int(step[known, node]))
    return found % LEVELS


def _common(own: Scores, relative: Numbers) -> int:
    """What to add to all masks so that they are likeliest by the histograms."""
    shifts = (relative[:, None] + np.arange(LEVELS)) % LEVELS
    return int(np.take_along_axis(own, shifts, axis=1).sum(0).argmax())


def _counts(values: Rows) -> Scores:
    """``(k, 256)`` how often each of ``(N, k)`` takes each value."""
    codes = values.astype(np.int64) + np.arange(values.shape[1]) * LEVELS
    counts = np.bincount(codes.reshape(-1), minlength=values.shape[1] * LEVELS)
    return counts.reshape(-1, LEVELS).astype(np.float64)
