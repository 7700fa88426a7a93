"""Kinds of ciphers that are told apart after JPEG, and what is right to say of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppattack.identify.finding import Answer
from ppattack.identify.sample import Floats

FARTHEST = 5.0
"""No statistic counts as farther from its mean than so many standard deviations."""


@dataclass(frozen=True)
class Kind:
    """A kind of cipher: what is right to say of it.

    Args:
        content: see ``content``.
        block: edge of a block; None without blocks.
        unit: that changes places; "" if none does.
        complements: whether values are complemented.
        shuffled: whether values change places.
        moved: whether blocks do.
        colours: whether the channels of a pixel change places, of values in place.
    """

    content: str
    block: int | None = None
    unit: str = ""
    complements: Answer = "undecided"
    shuffled: Answer = "undecided"
    moved: Answer = "undecided"
    colours: bool = False


def _shared(block: int, unit: str, complements: Answer, shuffled: Answer, moved: Answer) -> Kind:
    return Kind("shared blocks", block, unit, complements, shuffled, moved)


KINDS: dict[str, Kind] = {
    "pe": Kind("values in place"),
    "pe-colours": Kind("values in place", colours=True),
    **{f"le-{b}": _shared(b, "nibble", "yes", "yes", "no") for b in (4, 8)},
    **{f"block-defence-shf-{b}": _shared(b, "byte", "no", "yes", "no") for b in (4, 8)},
    **{f"block-defence-np-{b}": _shared(b, "byte", "yes", "no", "no") for b in (4, 8)},
    **{f"block-defence-shf-np-{b}": _shared(b, "byte", "yes", "yes", "no") for b in (4, 8)},
    **{f"vit-blocks-{b}": _shared(b, "byte", "yes", "yes", "yes") for b in (4, 8, 16)},
    **{f"vit-blocks-no-flips-{b}": _shared(b, "byte", "no", "yes", "yes") for b in (4, 8)},
    **{f"ele-{b}": Kind("own blocks", b, "nibble", "yes", "yes", "yes") for b in (4, 8)},
    **{f"own-bytes-{b}": Kind("own blocks", b, "byte", "no", "yes", "no") for b in (4, 8)},
    "whole-bytes": Kind("whole image", None, "byte", "no", "yes"),
    "whole-pixels": Kind("whole image", None, "pixel", "no", "yes"),
    "whole-nibbles": Kind("whole image", None, "nibble", "yes", "yes"),
    "pad": Kind("noise"),
}
"""By name; the block size is its last number."""


def scores(measured: Floats, mean: Floats, spread: Floats, made: Floats) -> Floats:
    """Log chances of the kinds, ``(N, kinds)``, from statistics ``(N, K)``."""
    rows = scaled(measured, mean, spread) @ made
    top = rows.max(axis=1, keepdims=True)
    return np.asarray(rows - top - np.log(np.exp(rows - top).sum(axis=1, keepdims=True)))


def scaled(measured: Floats, mean: Floats, spread: Floats) -> Floats:
    """Statistics in standard deviations, with a last column of ones, ``(N, K + 1)``."""
    rows = np.clip((measured - mean) / spread, -FARTHEST, FARTHEST)
    return np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)
