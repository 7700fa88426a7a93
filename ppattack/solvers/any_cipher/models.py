"""The models of ciphers that nobody described, in order of cost, each with its own proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ppattack.context import Progress
from ppattack.solvers.any_cipher import gf2, modular, permutation, rounds, tables
from ppattack.solvers.any_cipher.fit import Fit, Pairs
from ppattack.solvers.any_cipher.linear import linear


@dataclass(frozen=True)
class Model:
    """One kind of cipher.

    Args:
        name: as a setting takes it.
        words: what it is.
        solve: finds the map, or None if the pairs do not prove it.
        known: known pairs that determine it, about, for so many bytes of an image.
        chosen: chosen images that do.
        apart: the variant in which every block has a secret of its own, in words, and the pairs or
            images that this takes.
    """

    name: str
    words: str
    solve: Callable[[Pairs], Fit | None]
    known: Callable[[int], int]
    chosen: Callable[[int], int]
    apart: tuple[str, int] | None = None


def _permutation(pairs: Pairs) -> Fit | None:
    return permutation.permutation(pairs, permutation.BYTES) or permutation.permutation(
        pairs, permutation.PIXELS
    )


def _nibbles(pairs: Pairs) -> Fit | None:
    return permutation.permutation(pairs, permutation.NIBBLES)


def _bits(pairs: Pairs) -> Fit | None:
    return permutation.permutation(pairs, permutation.BITS)


def _affine(pairs: Pairs) -> Fit | None:
    return gf2.planes(pairs) or gf2.bits(pairs)


def _codes(levels: int, size: int) -> int:
    """Images in which symbols of so many levels spell out their numbers, after a first one."""
    images = 1
    while levels**images < size:
        images += 1
    return 1 + images


MODELS: tuple[Model, ...] = (
    Model(
        "permutation",
        "permuted and masked bytes, also chained",
        _permutation,
        known=lambda _: 4,
        chosen=lambda size: 1 + _codes(256, size),
    ),
    Model(
        "table",
        "one table of bytes and a permutation",
        tables.common_table,
        known=lambda _: 4,
        chosen=lambda _: 4,
    ),
    Model(
        "nibbles",
        "permuted and masked halves of bytes",
        _nibbles,
        known=lambda _: 24,
        chosen=lambda size: 1 + _codes(16, 2 * size),
    ),
    Model(
        "modular",
        "matrices modulo 256 for blocks",
        modular.block_matrices,
        known=lambda _: 2,
        chosen=lambda _: 2,
    ),
    Model(
        "linear",
        "linear maps of blocks, signs of transforms",
        linear,
        known=lambda _: 8,
        chosen=lambda _: 1,
        apart=("a matrix for every block of 48 bytes", 75),
    ),
    Model(
        "bits",
        "permuted and masked bits",
        _bits,
        known=lambda _: 128,
        chosen=lambda size: _codes(2, 8 * size),
    ),
    Model(
        "own-tables",
        "a table for every byte and a permutation",
        tables.own_tables,
        known=lambda _: 1024,
        chosen=lambda _: 258,
    ),
    Model(
        "rounds",
        "two or three rounds of permutation and chaining",
        rounds.rounds,
        known=lambda _: 16,
        chosen=lambda _: 12,
    ),
    Model(
        "affine",
        "any rounds of XOR and permutation",
        _affine,
        known=lambda size: gf2.planes_needed(size) + 15,
        chosen=gf2.planes_needed,
    ),
)
NAMES = tuple(model.name for model in MODELS)
FITS = 0.99
"""Share of a map that must be certain if it is not said to need more pairs."""


@dataclass(frozen=True)
class Outcome:
    """What came of trying the models.

    Args:
        fit: the first model that is proven, or None.
        tried: the names of those that were tried.
    """

    fit: Fit | None
    tried: tuple[str, ...]


def try_models(pairs: Pairs, names: Iterable[str], progress: Progress) -> Outcome:
    """Try models in order of cost, until one is proven.

    Args:
        pairs: under one key.
        names: of the models to try.
        progress: shows how many were tried.
    """
    wanted, tried = set(names), []
    with progress.task("models of ciphers", len(wanted)) as task:
        for model in MODELS:
            if model.name not in wanted:
                continue
            tried.append(model.name)
            fit = model.solve(pairs)
            task.update(len(tried))
            if fit is not None:
                return Outcome(fit, tuple(tried))
    return Outcome(None, tuple(tried))


def too_few(count: int, size: int, names: Iterable[str], *, chosen: bool) -> str:
    """The models that need more pairs than there are, with their numbers; empty if none does."""
    wanted = set(names)
    found = []
    for model in MODELS:
        needed = model.chosen(size) if chosen else model.known(size)
        if model.name in wanted and needed > count:
            found.append(f"{model.words}: {count} of {needed:,}")
        if model.name in wanted and model.apart is not None and model.apart[1] > count:
            found.append(f"{model.apart[0]}: {count} of {model.apart[1]}")
    return "; ".join(found)
