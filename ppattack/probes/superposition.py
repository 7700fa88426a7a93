"""Whether places are encrypted each by itself, or under a key that the contents of an image decide.

Two sets of places change, each alone and both together. If what one does has nothing to do with
what is in the other, the two changes of the ciphertext add up. If they do so only while the levels
of the image stay the same, in another order, then the key follows from the levels: from their sum,
their mean or the like. Images that agree in that number are encrypted under one map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding, not_measured

Places = NDArray[np.intp]
REPEATS = 2
"""Images that are changed. By chance exclusive-or, or the sum modulo 256, stays as it was in one of
256 changes, but then all bytes of all answers would have to agree."""
FEWEST_PIXELS = 4
"""Two halves of two pixels each can change and keep their sum."""
TOO_FEW = f"images of fewer than {FEWEST_PIXELS} pixels have no halves to change"
LOW, HIGH = 64, 192
"""Levels of the images, so that a level more or less is one in the middle of the range."""
VALUES = {
    "mean": "mean (or the like: small changes of the sum leave it as it is)",
    "exclusive-or": "exclusive-or of all bytes",
    "sum modulo 256": "sum of all bytes modulo 256",
    "sum": "sum of all bytes",
    "levels": "collection of levels, whatever their order",
}
"""What may decide the key, by what was left as it was; the first that fits."""
BYTE_VALUES = 256
"""Values of a mean, an exclusive-or or a sum modulo 256: few enough to choose images for each."""
ANY = "any"
"""The change that keeps nothing."""


@dataclass(frozen=True)
class Superposed:
    """What adds up.

    Args:
        always: whether changes of two sets of places add up, whatever they are.
        alone: whether no change reached more bytes of the ciphertext than it changed, or
            halves of them.
        one_to_one: whether two images agree in as many bytes as their ciphertexts do, so that no
            two levels of a place become one.
        while_kept: the numbers of :data:`VALUES` that changes must leave as they are so that they
            add up.
    """

    always: bool
    alone: bool
    one_to_one: bool
    while_kept: tuple[str, ...]


def superposed(box: Box) -> Superposed | None:
    """Change two halves of some images, each alone and both together, in several ways.

    None for images of fewer than four pixels.
    """
    if box.shape[1] * box.shape[2] < FEWEST_PIXELS:
        return None
    rng, size = box.stream("superposition"), int(np.prod(box.shape))
    always, alone, kept = True, np.ones(2, np.bool_), dict.fromkeys(VALUES, True)
    plain, cipher = [], []
    for _ in range(REPEATS):
        base = rng.integers(LOW, HIGH, size).astype(np.uint8)
        here, there = _halves(box.shape, rng)  # (C, k) each
        changes = {ANY: (rng.integers(0, 256, (2, *here.shape)).astype(np.uint8))}
        firsts, seconds = _changes(base[here], rng), _changes(base[there], rng)
        changes |= {name: np.stack([firsts[name], seconds[name]]) for name in VALUES}
        rows = [base]
        for first, second in changes.values():
            one, other = _changed(base, here, first), _changed(base, there, second)
            rows += [one, other, _changed(one, there, second)]
        answers = box(np.stack(rows))
        plain += rows
        cipher += list(answers)
        for number, name in enumerate(changes):
            four = answers[[0, *range(1 + 3 * number, 4 + 3 * number)]]
            if name == ANY:
                always &= _adds_up(four)
                alone &= _reached(four[0], four[1]) <= _reached(base, rows[1])
                alone &= _reached(four[0], four[2]) <= _reached(base, rows[2])
            else:
                kept[name] &= _adds_up(four)
    one_to_one = np.array_equal(_agreeing(plain), _agreeing(cipher))
    while_kept = tuple(name for name, holds in kept.items() if holds)
    return Superposed(always, bool(alone.any()), one_to_one, while_kept)


def separate(found: Superposed | None) -> Finding:
    """Whether every place is encrypted by itself, also if half of the image changes.

    Statistic: none; no byte of the ciphertext may change beyond as many as changed in the image.
    Said of ciphers of which every byte decides one byte of the ciphertext, if only one changes.
    """
    if found is None:
        return not_measured("separate", TOO_FEW)
    holds = found.always and found.alone
    words = "every place is encrypted by itself, whatever is at the others"
    loses = holds and not found.one_to_one
    if loses:
        words += ", but different levels become one: nobody decrypts that exactly"
    if not holds:
        words = "what is done at a place depends on what is at others"
    return Finding("separate", holds, words, facts={"loses": loses})


def keyed(found: Superposed | None, size: int) -> Finding:
    """Whether the levels of an image decide its key, and by which number.

    Statistic: the bytes of which two changes add up while the number stays as it is: all, and not
    all if it changes. It holds for a map in which places are apart once the key is chosen, or that
    is chained or permuted in any number of rounds.

    Args:
        found: what adds up; None if it was not measured.
        size: bytes of an image.
    """
    if found is None:
        return not_measured("keyed-by-contents", TOO_FEW)
    holds = not found.always and "levels" in found.while_kept
    if not holds:
        words = "no number that follows from the levels of an image decides its key"
        return Finding("keyed-by-contents", False, words)
    value = found.while_kept[0]
    count = {"sum": 255 * size + 1, "levels": None}.get(value, BYTE_VALUES)
    words = f"every image has a key by its {VALUES[value]}: images that agree in it share a map"
    if count != BYTE_VALUES:
        many = "maybe too many values to try" if count is None else f"{count:,} values"
        words += f" ({many}: no attack here asks for images of each)"
    return Finding("keyed-by-contents", True, words, facts={"value": value, "values": count})


def _agreeing(rows: list[Rows]) -> NDArray[np.intp]:
    """``(N, N)``: in how many bytes every two rows agree."""
    every = np.stack(rows)
    return np.stack([(every == row).sum(axis=1) for row in every])


def _halves(shape: ImageShape, rng: np.random.Generator) -> tuple[Places, Places]:
    """``(C, k)`` places each, k even: two sets that share none, as many of every channel."""
    channels, pixels = shape[0], shape[1] * shape[2]
    orders = np.arange(channels * pixels).reshape(channels, pixels)
    drawn = rng.permuted(orders, axis=1)
    half = pixels // 4 * 2
    return drawn[:, :half], drawn[:, half : 2 * half]


def _changes(levels: Rows, rng: np.random.Generator) -> dict[str, Rows]:
    """Other levels that keep the mean nearly, the exclusive-or, the sum, or the levels.

    Of every channel by itself, so that numbers of single channels are kept too.
    """
    one, other = np.split(levels, 2, axis=1)
    flips = rng.integers(1, 256, one.shape).astype(np.uint8)
    steps, turns = rng.integers(1, LOW, (2, *one.shape)).astype(np.uint8)
    pairs = {
        "exclusive-or": (one ^ flips, other ^ flips),
        "sum modulo 256": (one + 4 * turns, other - 4 * turns),
        "sum": (one + steps, other - steps),
    }
    found = {name: np.concatenate(both, axis=1) for name, both in pairs.items()}
    found["mean"] = found["sum"].copy()  # all but the mean, so not the largest level or the median
    found["mean"][0, 0] += 1
    found["levels"] = rng.permuted(levels, axis=1)
    return found


def _changed(row: Rows, places: Places, levels: Rows) -> Rows:
    made = row.copy()
    made[places] = levels
    return made


def _adds_up(four: Rows) -> bool:
    """Whether two changes of an answer and both together add up, by exclusive-or or modulo 256."""
    base, one, other, both = four
    return bool((base ^ one ^ other == both).all() or (one + other - base == both).all())


def _reached(first: Rows, second: Rows) -> NDArray[np.int64]:
    """How many bytes differ, and how many halves of bytes."""
    differ = first ^ second
    halves = np.concatenate([differ & 15, differ >> 4])
    return np.array([np.count_nonzero(differ), np.count_nonzero(halves)])
