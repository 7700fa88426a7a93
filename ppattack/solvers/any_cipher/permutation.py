"""Symbols that move under a mask, before or after a chain that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ppattack.maps import Combine, Rows, Shuffle, Symbol, separated
from ppattack.maps.steps import as_symbols
from ppattack.solvers.any_cipher import chains, grid_maps
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs, ties
from ppattack.solvers.any_cipher.neighbours import break_ties
from ppattack.solvers.any_cipher.signatures import (
    MATCHED,
    Hashes,
    Matched,
    as_numbers,
    condensed,
    matched,
)
from ppattack.solvers.known_pairs.known_plaintext import pair_up

LOOK = 17
"""Pairs that decide whether a chain is the right one."""
SAMPLE = 64
"""Pixels of ciphertexts that rule most chains out."""
BITS_LOOK = 65
"""The same for bits."""


@dataclass(frozen=True)
class Kind:
    """What moves, and what masks it.

    Args:
        symbol: ``pixel`` stands for the bytes of a pixel, which move together.
        combine: with the mask; None if there is none.
    """

    symbol: Symbol | str
    combine: Combine | None

    @property
    def words(self) -> str:
        """The kind in words."""
        masks = {None: "", "xor": " with an XOR mask", "add": " with an additive mask"}
        return f"permutation of {self.symbol}s{masks[self.combine]}"

    def levels(self, pairs: Pairs) -> int:
        """How many values a symbol has."""
        one = {"bit": 2, "nibble": 16}.get(self.symbol, 256)
        together: int = pairs.plain_shape[0] if self.symbol == "pixel" else 1
        return int(one**together)

    def images(self, pairs: Pairs) -> int:
        """Values that a signature is made of."""
        return pairs.count - (self.combine is not None)

    def signatures(self, rows: Rows, channels: int) -> Hashes:
        """``(M,)`` the signatures of all symbols."""
        values = rows
        if self.symbol in ("bit", "nibble"):
            values = as_symbols(rows, self.symbol)
        if self.combine is not None:
            values = separated(values[1:], values[:1], self.combine)
        if self.symbol == "pixel":
            values = values.reshape(len(values) * channels, -1)
        if self.symbol == "bit":
            values = np.packbits(values, axis=0)
        return as_numbers(condensed(values, self.combine or "xor"))

    def members(self, pairs: Pairs) -> Numbers:
        """``(M, k)`` the numbers of the bytes of each symbol that is bytes."""
        numbers = np.arange(pairs.size)
        channels = pairs.plain_shape[0]
        return numbers.reshape(channels, -1).T if self.symbol == "pixel" else numbers[:, None]


BYTES = (Kind("byte", "xor"), Kind("byte", "add"), Kind("pixel", None), Kind("byte", None))
PIXELS = (Kind("pixel", "xor"), Kind("pixel", "add"))
NIBBLES = (Kind("nibble", "xor"),)
BITS = (Kind("bit", "xor"),)


def permutation(pairs: Pairs, kinds: tuple[Kind, ...]) -> Fit | None:
    """The permutation and mask of some kind, after a chain or before one; None if none fits.

    Bytes (or nibbles, or bits) are told apart by their signatures, which a right chain, undone,
    makes equal on both sides. What the pairs cannot tell apart, ciphertexts do: neighbours are
    alike.

    Args:
        pairs: at least one; what proves a kind depends on their number.
        kinds: in the order in which they are tried.
    """
    look = pairs.first(BITS_LOOK if kinds == BITS else LOOK)
    look = replace(look, victims=look.victims[:0])
    usable = [kind for kind in kinds if _tells(kind, look)]
    best: tuple[float, Fit | None] = (0.0, None)
    for match, solve in _found(pairs, look, usable):
        if match.share > best[0]:
            best = match.share, solve()
        if match.share == 1.0:
            break
    return best[1]


def _tells(kind: Kind, look: Pairs) -> bool:
    """Whether so few pairs can prove such a kind, and pixels are more than bytes."""
    if kind.symbol == "pixel" and (
        look.plain_shape[0] == 1 or look.plain_shape != look.cipher_shape
    ):
        return False
    images = kind.images(look)
    if images < 1:
        return False
    theirs = kind.signatures(look.plain, look.plain_shape[0])
    return matched(theirs, theirs, kind.levels(look), images).proves


def _found(
    pairs: Pairs, look: Pairs, kinds: list[Kind]
) -> Iterator[tuple[Matched, Callable[[], Fit]]]:
    """Chains with which a kind is proven, and what solves it there.

    A chain along the wrong way of its line also matches all symbols but one.
    """
    channels = look.plain_shape[0]
    theirs = [kind.signatures(look.plain, channels) for kind in kinds]
    for last in chains.after(look.cipher_shape):
        seen = look.without(last)
        for kind, known in zip(kinds, theirs, strict=True):
            match = _match(kind, seen, known)
            if match.proves:
                yield match, partial(_solved, kind, pairs, match, (), last)
    for first in chains.before(look.plain_shape):
        seen = look.without((), first)
        for kind in kinds:
            match = _match(kind, seen, kind.signatures(seen.plain, channels))
            if match.proves:
                yield match, partial(_solved, kind, pairs, match, first, ())


def _match(kind: Kind, seen: Pairs, known: Hashes) -> Matched:
    """How well signatures match: those of some pixels, and of all if these do."""
    channels = seen.plain_shape[0]
    some = seen.cipher
    if seen.size // channels > 2 * SAMPLE:
        pixels = np.linspace(0, seen.size // channels - 1, SAMPLE).astype(int)
        places = pixels + np.arange(channels)[:, None] * (seen.size // channels)
        some = np.ascontiguousarray(seen.cipher[:, places.reshape(-1)])
    levels, images = kind.levels(seen), kind.images(seen)
    match = matched(kind.signatures(some, channels), known, levels, images, whole=False)
    if match.share < MATCHED:
        return match
    return matched(kind.signatures(seen.cipher, channels), known, levels, images)


def _solved(
    kind: Kind, given: Pairs, match: Matched, first: chains.Steps, last: chains.Steps
) -> Fit:
    """The steps of a kind that fits, with ties broken by the ciphertexts."""
    pairs = given.without(last, first)
    if first:  # what is left is no photograph
        pairs = replace(pairs, victims=pairs.victims[:0])
    channels = pairs.plain_shape[0]
    ours = kind.signatures(pairs.cipher, channels)
    index, alone = pair_up(ours, kind.signatures(pairs.plain, channels))
    members = kind.members(pairs)
    if kind.symbol in ("bit", "nibble"):
        rows = (as_symbols(side, kind.symbol) for side in (pairs.plain[:1], pairs.cipher[:1]))
        plain, cipher = rows
        seen = replace(
            pairs, plain=plain, cipher=cipher, victims=as_symbols(pairs.victims, kind.symbol)
        )
        index = break_ties(
            index, ties(ours), np.arange(len(index))[:, None], kind.combine, seen, kind.symbol
        )
    else:
        sure = np.empty(pairs.size, np.bool_)
        sure[members] = alone[:, None]
        shapes = pairs.plain_shape, pairs.cipher_shape
        whole = grid_maps.completed(_of_bytes(index, members), sure, *shapes)
        if whole is not None and _agrees(kind, whole, pairs):
            words = f"{kind.words}, by a linear map of coordinates"
            steps = (*first, _masked(kind, whole, pairs), *last)
            return Fit(words, steps, certain=1.0, proof=match.words)
        index = break_ties(index, ties(ours), members, kind.combine, pairs)
    return Fit(
        kind.words,
        (*first, _step(kind, index, members, pairs), *last),
        certain=float(alone.mean()),
        proof=match.words,
    )


def _step(kind: Kind, index: Numbers, members: Numbers, pairs: Pairs) -> Shuffle:
    if kind.symbol not in ("bit", "nibble"):
        return _masked(kind, _of_bytes(index, members), pairs)
    symbol: Symbol = kind.symbol
    plain, cipher = (as_symbols(side[:1], symbol)[0] for side in (pairs.plain, pairs.cipher))
    return Shuffle(index, separated(cipher, plain[index], "xor"), symbol)


def _masked(kind: Kind, index: Numbers, pairs: Pairs) -> Shuffle:
    """The permutation of bytes, and the mask that the first pair shows, if there is one."""
    if kind.combine is None:
        return Shuffle(index, np.zeros(len(index), np.uint8))
    mask = separated(pairs.cipher[0], pairs.plain[0, index], kind.combine)
    return Shuffle(index, mask, combine=kind.combine)


def _of_bytes(index: Numbers, members: Numbers) -> Numbers:
    """The source of every byte, given that of every symbol."""
    whole: Numbers = np.empty(members.size, np.int64)
    whole[members] = members[index]
    return whole


def _agrees(kind: Kind, index: Numbers, pairs: Pairs) -> bool:
    """Whether all pairs are explained by a permutation of bytes."""
    return bool((_masked(kind, index, pairs).apply(pairs.plain) == pairs.cipher).all())
