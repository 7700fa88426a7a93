"""Two and three rounds of permutation and chaining, and chains along a secret scan.

A chain adds up: along it, each value less the one before it is the symbol that entered there. So
among all differences of two ciphertext signatures those of the plain symbols are found, and
following them gives the scan and the permutation. For one more round the differences of
differences are followed in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import Combine, Rows, Running, Shuffle, combined, separated
from ppattack.solvers.any_cipher import chains
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs
from ppattack.solvers.any_cipher.signatures import Hashes, as_numbers, signatures
from ppattack.solvers.known_pairs.known_plaintext import pair_up

FEWEST = {1: 6, 2: 9}
"""Pairs that one and two unknown chains need: by chance signatures of 5 and 8 bytes add up in .03
and 5e-6 of all keys; photographs repeat themselves, so that a few more help."""
LARGEST = {1: 50_000, 2: 4_500}
"""Bytes of the largest image: all differences are looked up, and for two chains kept (8 bytes)."""
STARTS = 8
"""Places at which a chain is entered at most."""
TURNS = 200
"""Times that a walk goes back at most; a chain of 3,072 needs about four."""
SPREAD, SPREAD_MOST = 6, 25
"""Bits of the number of buckets beyond one for each signature, so that most lookups find an empty
one; and bits at most (128 MiB)."""
BLOCK = 64
"""Signatures whose differences are made at a time."""
MIXED = np.uint64(0x9E3779B97F4A7C15)
"""An odd number, by which signatures are spread over buckets (Fibonacci hashing)."""


@dataclass(frozen=True)
class Walk:
    """A chain that was followed.

    Args:
        entered: ``(S,)`` the plain symbol that enters at each step.
        sums: ``(S, 8)`` the signatures along the chain.
    """

    entered: Numbers
    sums: Rows


def rounds(pairs: Pairs) -> Fit | None:
    """Chains whose scan or permutations are secret, after a chain that can be undone.

    Args:
        pairs: 7 for one unknown chain, 10 for two; more if photographs have flat parts.
    """
    for unknown in (1, 2):
        for combine in ("xor", "add"):
            if pairs.count < FEWEST[unknown] or pairs.size > LARGEST[unknown]:
                continue
            found = _chained(pairs, combine, unknown)
            if found is not None:
                return found
    return None


def _chained(pairs: Pairs, combine: Combine, unknown: int) -> Fit | None:
    theirs = signatures(pairs.plain, combine)
    for last in _lasts(pairs, combine):
        whole = replace(pairs, victims=pairs.victims[:0]).without(last)
        ours = signatures(whole.cipher, combine)
        if unknown == 1:
            walk = _one_walk(theirs, ours, combine)
            walks = None if walk is None else [walk]
        else:
            walks = _two_walks(theirs, ours, combine)
        if walks is not None:
            return _fit(walks, ours, whole, combine, last)
    return None


def _lasts(pairs: Pairs, combine: Combine) -> list[chains.Steps]:
    """Nothing, or one chain of the same kind along a usual scan."""
    lines = chains.scans(pairs.cipher_shape)
    return [(), *((Running(scan, combine),) for scan in lines)]


class _Set:
    """Signatures among which others are looked up, by the leading bits of a mixed number."""

    def __init__(self, numbers: Hashes) -> None:
        self.sorted = np.sort(numbers * MIXED)
        bits = min(SPREAD_MOST, SPREAD + len(numbers).bit_length())
        self.shift = np.uint64(64 - bits)
        bounds = np.arange(1 + (1 << bits), dtype=np.uint64)
        self.start = np.searchsorted(self.sorted >> self.shift, bounds).astype(np.int32)

    def holds(self, numbers: Hashes) -> NDArray[np.bool_]:
        """Which of them are in the set."""
        wanted = numbers * MIXED
        bucket = (wanted >> self.shift).astype(np.int64)
        at, end = self.start[bucket], self.start[bucket + 1]
        found = np.zeros(len(wanted), np.bool_)
        open_ = np.flatnonzero(at < end)
        while len(open_):
            found[open_] |= self.sorted[at[open_]] == wanted[open_]
            at[open_] += 1
            open_ = open_[(at[open_] < end[open_]) & ~found[open_]]
        return found


def _walk(theirs: Rows, known: _Set, starts: Numbers, combine: Combine) -> Walk | None:
    """Follow one chain through sums that are known, step by step, from its first plain symbol.

    Now and then a wrong symbol leads to a known sum too; it soon leads no further, and the walk
    goes back.
    """
    size = len(theirs)
    for start in starts[:STARTS]:
        entered, sums = [int(start)], [theirs[start]]
        free = np.ones(size, np.bool_)
        free[start] = False
        others: list[tuple[int, int]] = []
        turns = 0
        while len(entered) < size:
            left = np.flatnonzero(free)
            reached = combined(theirs[left], sums[-1][None], combine)
            hits = left[known.holds(as_numbers(reached))]
            others += [(len(entered), int(other)) for other in hits[1:]]
            if len(hits):
                chosen = int(hits[0])
            elif others and turns < TURNS:
                turns += 1
                length, chosen = others.pop()
                free[entered[length:]] = True
                del entered[length:], sums[length:]
            else:
                break
            sums.append(combined(theirs[chosen], sums[-1], combine))
            entered.append(chosen)
            free[chosen] = False
        if len(entered) == size:
            return Walk(np.array(entered), np.array(sums))
    return None


def _one_walk(theirs: Rows, ours: Rows, combine: Combine) -> Walk | None:
    known = _Set(as_numbers(ours))
    return _walk(theirs, known, np.flatnonzero(known.holds(as_numbers(theirs))), combine)


def _two_walks(theirs: Rows, ours: Rows, combine: Combine) -> list[Walk] | None:
    small, plain = _Set(as_numbers(ours)), as_numbers(theirs)
    starts = small.holds(plain)
    for part in _blocks(ours):
        sums = as_numbers(combined(theirs[:, None], part[None], combine))
        starts |= small.holds(sums.ravel()).reshape(sums.shape).any(1)
    if not starts.any():
        return None
    differences = [
        as_numbers(separated(ours[None], part[:, None], combine)).ravel() for part in _blocks(ours)
    ]
    inner = _walk(
        theirs,
        _Set(np.concatenate([as_numbers(ours), *differences])),
        np.flatnonzero(starts),
        combine,
    )
    if inner is None:
        return None
    outer = _one_walk(inner.sums, ours, combine)
    return None if outer is None else [inner, outer]


def _blocks(rows: Rows) -> list[Rows]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _fit(
    walks: list[Walk], ours: Rows, whole: Pairs, combine: Combine, last: chains.Steps
) -> Fit | None:
    """The steps: for every chain a permutation and running sums; at last places and a mask."""
    places, _ = pair_up(as_numbers(ours), as_numbers(walks[-1].sums))
    if not np.array_equal(ours, walks[-1].sums[places]):
        return None
    along = np.arange(whole.size)
    nothing = np.zeros(whole.size, np.uint8)
    steps: list[Shuffle | Running] = []
    rows = whole.plain[:1]
    for walk in walks:
        steps += [Shuffle(walk.entered, nothing, combine=combine), Running(along, combine)]
    for step in steps:
        rows = step.apply(rows)
    mask = separated(whole.cipher[0], rows[0, places], combine)
    steps.append(Shuffle(places, mask, combine=combine))
    twins = 1 - len(np.unique(as_numbers(signatures(whole.plain, combine)))) / whole.size
    count = len(walks) + len(last)
    name = {"xor": "XOR", "add": "additive"}[combine]
    return Fit(
        f"{count} round{'s' * (count > 1)} of permutation and {name} chaining",
        (*steps, *last),
        certain=1 - twins,
        proof="every symbol is found along the chains",
    )
