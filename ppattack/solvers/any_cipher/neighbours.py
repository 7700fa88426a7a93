"""What ciphertexts alone can still tell: in a photograph neighbouring pixels are alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.images import ImageShape
from ppattack.maps import Combine, Rows, Symbol, combined, separated
from ppattack.solvers.any_cipher.fit import Numbers, Pairs

ROUNDS = 4
"""Times that all ties are broken at most; each result counts for the next."""
WORK = 20_000_000
"""Differences computed for one set of tied symbols at most; more ciphertexts are left out."""
LARGEST = 2_000
"""Symbols of the largest set that is put in order."""
RANDOM = 2 * (256**2 - 1) / 12
"""Mean squared difference of neighbouring bytes that are random, in squared levels."""


def roughness(rows: Rows, shape: ImageShape) -> float:
    """Mean squared difference of neighbouring pixels, as a share of that of random bytes.

    Args:
        rows: ``(N, S)`` uint8 images.
        shape: ``(C, H, W)``.
    """
    images = rows.reshape(-1, *shape).astype(np.int32)
    steps = [np.diff(images, axis=axis).ravel() for axis in (2, 3)]
    both = np.concatenate(steps)
    return float(np.square(both).mean() / RANDOM) if both.size else 1.0


def break_ties(
    index: Numbers,
    ties: Sequence[Numbers],
    members: Numbers,
    combine: Combine | None,
    pairs: Pairs,
    symbol: Symbol = "byte",
) -> Numbers:
    """A permutation with the sources of tied symbols exchanged so that neighbours agree best.

    Args:
        index: ``(M,)`` the source of each symbol, a permutation.
        ties: sets of symbols that could exchange their sources.
        members: ``(M, k)`` the bytes of each symbol.
        combine: how the mask is combined, which the first pair tells; None if there is none.
        pairs: the first pair, and the ciphertexts of unknown images, as rows of symbols.
        symbol: what the rows hold; halves of bytes and bits are compared with the same ones of
            neighbouring bytes.
    """
    ties = [tied for tied in sorted(ties, key=len) if len(tied) <= LARGEST]
    if not ties or not len(pairs.victims):
        return index
    index = index.astype(np.int64)
    near, inside = adjacent(pairs.plain_shape, symbol)
    unsure = np.zeros(pairs.size, np.bool_)
    unsure[members[index[np.concatenate(ties)]]] = True
    decoder = _Decoder(members, combine, pairs)
    values = decoder.all(index)  # (V, S)
    for _ in range(ROUNDS):
        before = index.copy()
        for tied in ties:
            places = index[tied]
            bytes_ = members[places]  # (T, k)
            unsure[bytes_] = True  # a tied neighbour would support whatever is in its place
            weights = inside[bytes_] * ~unsure[near[bytes_]]  # (T, k, 4)
            unsure[bytes_] = False
            used = slice(0, max(8, WORK // (len(tied) ** 2 * members.shape[1])))
            around = values[used][:, near[bytes_]]  # (V, T, k, 4)
            total = weights.sum(-1)
            expected = (around * weights).sum(-1) / total.clip(1)
            cost = decoder.cost(tied, places, expected, total > 0, used)
            rows, columns = linear_sum_assignment(cost)
            index[tied[rows]] = places[columns]
            values[:, members[index[tied]]] = decoder.some(tied, index[tied])
        if np.array_equal(index, before):
            break
    return index


class _Decoder:
    """Bytes of unknown images, for symbols placed somewhere."""

    def __init__(self, members: Numbers, combine: Combine | None, pairs: Pairs) -> None:
        self.members, self.combine = members, combine
        self.plain, self.cipher, self.victims = pairs.plain[0], pairs.cipher[0], pairs.victims

    def some(self, symbols: Numbers, places: Numbers) -> NDArray[np.float32]:
        """``(V, T, k)`` the values of some symbols at some places."""
        ours = self.members[symbols]
        seen = self.victims[:, ours]
        if self.combine is not None:
            mask = separated(self.cipher[ours], self.plain[self.members[places]], self.combine)
            seen = separated(seen, mask, self.combine)
        return seen.astype(np.float32)

    def all(self, index: Numbers) -> NDArray[np.float32]:
        """``(V, S)`` the images, if the permutation is right."""
        made = np.empty(self.victims.shape, np.float32)
        made[:, self.members[index]] = self.some(np.arange(len(index)), index)
        return made

    def cost(
        self,
        symbols: Numbers,
        places: Numbers,
        expected: NDArray[np.float64],
        known: NDArray[np.bool_],
        used: slice,
    ) -> NDArray[np.float64]:
        """``(T, T)`` squared differences of each symbol at each place to what is around it."""
        ours = self.members[symbols]
        seen = self.victims[used][:, ours]  # (V, T, k)
        total = np.empty((len(symbols), len(places)))
        for column, place in enumerate(places):
            values = seen
            if self.combine is not None:
                plain = self.plain[self.members[place]]
                free = separated(seen, self.cipher[ours], self.combine)
                values = combined(free, np.broadcast_to(plain, free.shape), self.combine)
            off = (values - expected[:, column, None]) * known[column]
            total[:, column] = np.square(off).sum((0, 2))
        return total


def adjacent(shape: ImageShape, symbol: Symbol = "byte") -> tuple[Numbers, NDArray[np.float32]]:
    """``(S, 4)`` the symbols around each one in its plane, and 1 if there is one, else 0."""
    channels, height, width = shape
    plane, pixel = np.divmod(np.arange(channels * height * width)[:, None], height * width)
    row, column = np.divmod(pixel, width)
    down, across = row + np.array([-1, 1, 0, 0]), column + np.array([0, 0, -1, 1])
    inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    numbers = (plane * height + down) * width + across
    near, there = np.where(inside, numbers, 0), inside.astype(np.float32)
    if symbol == "nibble":
        return np.concatenate([near, near + len(near)]), np.concatenate([there, there])
    if symbol == "bit":
        near = (8 * near[:, None] + np.arange(8)[:, None]).reshape(-1, 4)
        return near, np.repeat(there, 8, axis=0)
    return near, there
