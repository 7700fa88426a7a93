"""The rest of tables that are known in part: by what they have in common, or by ciphertexts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.maps import Combine, Rows, combined, separated
from ppattack.solvers.any_cipher.fit import Numbers, Pairs
from ppattack.solvers.any_cipher.neighbours import adjacent

LEVELS = 256
ROUNDS = 8
"""Times that a common table and its masks are told from each other at most."""
AGREES = 0.999
"""Share of known entries that a common table explains if there is one."""
Known = NDArray[np.int16]
"""``(S, 256)``: tables, -1 where nothing is known."""


def shared(known: Known) -> Rows | None:
    """``(S, 256)`` whole tables if all are one table, masked before or after; None if not.

    Args:
        known: entries that are known, -1 elsewhere.
    """
    for table in (known, _inverse(known)):
        for combine in ("xor", "add"):
            found = _common(table, combine)
            if found is not None:
                return (
                    found if table is known else _inverse(found.astype(np.int16)).astype(np.uint8)
                )
    return None


def _inverse(known: Known) -> Known:
    made = np.full(known.shape, -1, np.int16)
    place, value = np.nonzero(known >= 0)
    made[place, known[place, value]] = value
    return made


def _common(known: Known, combine: Combine) -> Rows | None:
    """Tables ``T_i[x] = T[x] (combine) mask_i`` that agree with what is known."""
    place, value = np.nonzero(known >= 0)
    seen = known[place, value].astype(np.uint8)
    start = int((known >= 0).sum(1).argmax())
    table, sure = known[start].clip(0).astype(np.uint8), known[start] >= 0
    masks = np.zeros(len(known), np.uint8)
    for _ in range(ROUNDS):
        told = sure[value]
        masks, found = _mode(
            place[told], separated(seen[told], table[value[told]], combine), len(known)
        )
        told = found[place]
        before = table
        table, sure = _mode(value[told], separated(seen[told], masks[place[told]], combine), LEVELS)
        if np.array_equal(table, before):
            break
    agree = combined(table[value], masks[place], combine) == seen
    if not found.all() or agree.mean() < AGREES:
        return None
    left = np.setdiff1d(np.arange(LEVELS), table[sure])
    if len(left) != (~sure).sum():
        return None
    table[~sure] = left
    return combined(np.broadcast_to(table, known.shape), masks[:, None], combine)


def _mode(group: Numbers, value: Rows, groups: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The most frequent value of each group, and which groups have any."""
    counts = np.bincount(group * LEVELS + value, minlength=groups * LEVELS)
    counts = counts.reshape(groups, LEVELS)
    seen: NDArray[np.bool_] = counts.sum(1) > 0
    return counts.argmax(1).astype(np.uint8), seen


def completed(known: Known, index: Numbers, pairs: Pairs) -> Rows:
    """``(S, 256)`` whole tables: unknown entries are what the ciphertexts' neighbours suggest.

    Args:
        known: the table of each ciphertext byte, -1 where nothing is known.
        index: the plain byte of each ciphertext byte.
        pairs: for the ciphertexts of unknown images, from which later steps are removed.
    """
    back = _inverse(known)  # (S, 256) plain value of each ciphertext value
    wanted, weight = _expected(back, index, pairs)
    made = known.copy()
    for place in np.flatnonzero((known < 0).any(1)):
        free = np.flatnonzero(known[place] < 0)
        unused = np.flatnonzero(back[place] < 0)
        cost = weight[place, unused, None] * np.square(wanted[place, unused, None] - free[None])
        if not cost.any():
            made[place, free] = unused
            continue
        rows, columns = linear_sum_assignment(cost)
        made[place, free[columns]] = unused[rows]
    return made.astype(np.uint8)


def guessed(table: Rows, sure: NDArray[np.bool_], index: Numbers, pairs: Pairs) -> Rows:
    """One table for all places, with what is unsure exchanged as the ciphertexts suggest.

    Args:
        table: ``(256,)`` the ciphertext value of each plain value.
        sure: ``(256,)`` which of them the pairs tell.
        index: the plain byte of each ciphertext byte.
        pairs: for the ciphertexts of unknown images.
    """
    unsure = np.flatnonzero(~sure)
    if not len(unsure) or not len(pairs.victims):
        return table
    back = np.full((1, LEVELS), -1, np.int16)
    back[0, table[sure]] = np.flatnonzero(sure)
    wanted, weight = _expected(np.broadcast_to(back, (pairs.size, LEVELS)), index, pairs)
    total = weight.sum(0)
    means = ((wanted * weight).sum(0) / total.clip(1))[table[unsure]]
    rows, columns = linear_sum_assignment(
        total[table[unsure], None] * np.square(means[:, None] - unsure[None])
    )
    made = table.copy()
    made[unsure[columns]] = table[unsure[rows]]
    return made


def _expected(
    back: Known, index: Numbers, pairs: Pairs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(S, 256)`` the mean of the known values around each ciphertext value, and its weight."""
    near, inside = adjacent(pairs.plain_shape)
    total = np.zeros(back.shape)
    count = np.zeros(back.shape)
    places = np.arange(len(back))
    for row in pairs.victims:
        plain = np.full(len(back), -1, np.int16)
        plain[index] = back[places, row]
        around = plain[near]
        sure = (around >= 0) & (inside > 0)
        weights = sure.sum(1)
        means = (around * sure).sum(1) / weights.clip(1)
        unknown = back[places, row] < 0
        at = index[unknown]
        total[places[unknown], row[unknown]] += means[at] * (weights[at] > 0)
        count[places[unknown], row[unknown]] += weights[at] > 0
    return total / count.clip(1), count
