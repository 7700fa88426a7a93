"""Bytes looked up in secret tables, and moved: one table for all, or one for every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln

from ppattack.maps import Rows, Tables
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher import chains
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs, ties
from ppattack.solvers.any_cipher.neighbours import break_ties
from ppattack.solvers.any_cipher.signatures import (
    BELIEVED,
    Hashes,
    Matched,
    as_numbers,
    condensed,
    matched,
)
from ppattack.solvers.any_cipher.table_filling import completed, guessed, shared
from ppattack.solvers.known_pairs.known_plaintext import pair_up

LEVELS = 256
LOOK = 64
"""Pairs that decide whether a chain is the right one."""
FEWEST_PATTERNS = 8
"""Pairs below which patterns of equal values prove nothing."""
FEWEST_RANDOM = 1 << 14
"""Random bytes that tell how many patterns match by chance, at least: to .3 %."""


def common_table(pairs: Pairs) -> Fit | None:
    """One table for all bytes, then a permutation, after a chain that can be undone.

    How often each value occurs in each image is kept by a permutation, so that the counts tell
    which value became which; looked up, bytes are matched by their values.

    Args:
        pairs: three or more photographs, or two images chosen for their counts and two more.
    """
    counts = _counts(pairs.plain)
    if -_log_chance(counts) < BELIEVED:
        return None
    look = replace(pairs.first(LOOK), victims=pairs.victims[:0])
    for last in chains.after(pairs.cipher_shape):
        seen = _counts(look.without(last).cipher)
        if not np.array_equal(np.sort(seen, axis=0), np.sort(counts[:, : look.count], axis=0)):
            continue
        whole = pairs.without(last)
        classes, match = _classes(counts, whole)
        if match.proves:
            table, sure = _table(classes, whole)
            index, certain = _placed(table, whole)
            table = guessed(table, sure, index, whole)
            shown = float(np.isin(whole.plain, np.flatnonzero(sure)).mean())
            name = "one table of bytes, then a permutation"
            steps = (Tables(index, table[None]), *last)
            return Fit(name, steps, min(certain, shown), match.words)
    return None


def _classes(counts: NDArray[np.int64], whole: Pairs) -> tuple[NDArray[np.uint8], Matched]:
    """``(2, 256)``: a number for each ciphertext and plain value, the same for equal counts."""
    both = np.concatenate([_counts(whole.cipher), counts])
    _, ranks = np.unique(both, axis=0, return_inverse=True)
    ours, theirs = np.asarray(ranks).reshape(2, LEVELS)
    classes = np.stack([ours, theirs]) % LEVELS
    made: NDArray[np.uint8] = classes.astype(np.uint8)
    match = matched(
        _values(made[0][whole.cipher]), _values(made[1][whole.plain]), LEVELS, whole.count
    )
    return made, match


def _table(classes: NDArray[np.uint8], whole: Pairs) -> tuple[Rows, NDArray[np.bool_]]:
    """``(256,)`` what each plain value becomes, and whether that is sure.

    Values that occur equally often are told apart by the places that are certain.
    """
    ours, theirs = _values(classes[0][whole.cipher]), _values(classes[1][whole.plain])
    source, alone = pair_up(ours, theirs)
    seen = np.zeros((LEVELS, LEVELS), np.int64)
    np.add.at(seen, (whole.plain[:, source[alone]], whole.cipher[:, alone]), 1)
    same = classes[1][:, None] == classes[0][None]
    plain, cipher = linear_sum_assignment(seen + 0.5 * same, maximize=True)
    table = np.empty(LEVELS, np.uint8)
    table[plain] = cipher
    sure = seen[plain, cipher] > 0
    # A single value that is left in a class can be only one thing.
    sure |= same.sum(1) == 1
    return table, sure


def _placed(table: Rows, whole: Pairs) -> tuple[Numbers, float]:
    """The permutation, if the table is right: and the share of places that the pairs tell."""
    ours, theirs = _values(whole.cipher), _values(table[whole.plain])
    index, alone = pair_up(ours, theirs)
    inverse = np.argsort(table).astype(np.uint8)
    looked_up = replace(whole, cipher=inverse[whole.cipher], victims=inverse[whole.victims])
    members = np.arange(whole.size)[:, None]
    index = break_ties(index, ties(ours), members, None, looked_up)
    return index, float(alone.mean())


def _counts(rows: Rows) -> NDArray[np.int64]:
    """``(256, N)``: how often each value occurs in each image."""
    flat = rows.astype(np.int64) + LEVELS * np.arange(len(rows))[:, None]
    return np.bincount(flat.ravel(), minlength=LEVELS * len(rows)).reshape(-1, LEVELS).T


def _log_chance(counts: NDArray[np.int64]) -> float:
    """The logarithm of the probability that random images have these counts, of whatever values."""
    total = 0.0
    for column in counts.T:
        alike = np.bincount(column)
        total += gammaln(column.sum() + 1) - gammaln(column + 1).sum()
        total += gammaln(LEVELS + 1) - gammaln(alike + 1).sum()
        total -= column.sum() * np.log(LEVELS)
    return float(total)


def _values(rows: Rows) -> Hashes:
    return as_numbers(condensed(rows, "xor"))


def own_tables(pairs: Pairs) -> Fit | None:
    """A table of its own for every byte, and a permutation, after a chain that can be undone.

    A table changes values, but not which images have the same value at a place: that pattern is
    the signature here. The tables are then read off. If they are one table under masks, all places
    together tell it; else values that no pair shows are matched by the ciphertexts, whose
    neighbours must be alike.

    Args:
        pairs: 64 tell the places, hundreds the tables.
    """
    if pairs.count < FEWEST_PATTERNS:
        return None
    look = replace(pairs.first(LOOK), victims=pairs.victims[:0])
    theirs, chance = patterns(look.plain), _chance(look.plain)
    best: tuple[Matched, chains.Steps] | None = None
    for last in chains.after(pairs.cipher_shape):
        ours = patterns(look.without(last).cipher)
        match = replace(matched(ours, theirs, LEVELS, look.count), chance=chance)
        if match.proves and (best is None or match.share > best[0].share):
            best = match, last
        if match.share == 1.0:
            break
    return None if best is None else _read(pairs.without(best[1]), *best)


def patterns(rows: Rows) -> Hashes:
    """``(S,)``: for each place, which images have the same value there, as one number."""
    count, size = rows.shape
    places = np.arange(size)
    first = np.empty((size, LEVELS), np.int32)
    for image in range(count - 1, -1, -1):
        first[places, rows[image]] = image
    weights = numpy_stream(0, "patterns").integers(1 << 64, size=(count, count), dtype=np.uint64)
    total = np.zeros(size, np.uint64)
    for image, row in enumerate(rows):
        total += weights[image, first[places, row]]
    return total


def _chance(plain: Rows) -> float:
    """The share of random bytes whose pattern is a plain one's."""
    shape = len(plain), max(FEWEST_RANDOM, plain.shape[1])
    noise = numpy_stream(0, "noise").integers(0, LEVELS, shape, dtype=np.uint8)
    return float(np.isin(patterns(noise), patterns(plain)).mean())


def _read(pairs: Pairs, match: Matched, last: chains.Steps) -> Fit:
    index, alone = pair_up(patterns(pairs.cipher), patterns(pairs.plain))
    plain = pairs.plain[:, index]
    known = np.full((pairs.size, LEVELS), -1, np.int16)
    known[np.arange(pairs.size), plain] = pairs.cipher
    name, placed = "a table for every byte, and a permutation", float(alone.mean())
    whole = shared(known)
    if whole is not None:
        name, sure = "one table under masks, and a permutation", 1.0
    else:
        sure = max(float((known >= 0).mean()), 1 - _seen_once(plain))
        whole = completed(known, index, pairs)
    steps = (Tables(index, whole), *last)
    return Fit(name, steps, min(placed, sure), match.words)


def _seen_once(values: NDArray[np.uint8]) -> float:
    """The share of bytes of another image that no pair shows at their place (Good and Turing)."""
    count, size = values.shape
    seen = np.zeros((size, LEVELS), np.int32)
    for row in values:
        seen[np.arange(size), row] += 1
    return float((seen == 1).sum() / (count * size))
