"""Which kind of cipher a small file of colours is from, after JPEG: a fitted likelihood.

Multinomial logistic regression on the statistics of ``jpeg_statistics`` and their squares, one for
4:4:4 and one for 4:2:0. Its weights (``after_jpeg.npz``) are those of
``benchmarks/identify_after_jpeg.py``, fitted to training images of 32 px under fresh keys, half of
them after JPEG 75 and half after the qualities of ``QUALITIES``. All kinds are equally likely
beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ppattack.identify.finding import Answer
from ppattack.identify.jpeg_statistics import EDGE, statistics
from ppattack.identify.sample import Floats, Sample

WEIGHTS = Path(__file__).with_name("after_jpeg.npz")
QUALITIES = range(60, 91)
"""Qualities that the weights were fitted to."""
PARTS = 4
"""Parts of ``EDGE`` pixels that are looked at, at most: larger samples show enough otherwise."""
FARTHEST, LARGEST_SQUARE = 5.0, 9.0
"""No statistic counts as farther from its mean than so many standard deviations, and no square as
larger."""


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
    """

    content: str
    block: int | None = None
    unit: str = ""
    complements: Answer = "undecided"
    shuffled: Answer = "undecided"
    moved: Answer = "undecided"


def _shared(block: int, unit: str, complements: Answer, shuffled: Answer, moved: Answer) -> Kind:
    return Kind("shared blocks", block, unit, complements, shuffled, moved)


KINDS: dict[str, Kind] = {
    "pe": Kind("values in place"),
    "pe-colours": Kind("values in place"),
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
"""By the name of the family of folders to which its weights are fitted."""


def chances(sample: Sample, *, halved: bool) -> dict[str, float] | None:
    """The chance of each kind; None of samples that are too large, too small, or grey.

    Args:
        sample: files whose neighbours are not alike.
        halved: whether colours were halved.
    """
    height, width = sample.edges
    rows, columns = height // EDGE, width // EDGE
    number = sample.count * rows * columns
    if sample.images.shape[1] != 3 or height % EDGE or width % EDGE or not 0 < number <= PARTS:
        return None
    parts = sample.images.reshape(sample.count, 3, rows, EDGE, columns, EDGE)
    parts = parts.transpose(0, 2, 4, 1, 3, 5).reshape(number, 3, EDGE, EDGE)
    total = scores(statistics(parts, halved=halved), *weights(halved=halved)).sum(axis=0)
    share = np.exp(total - total.max())
    return dict(zip(KINDS, (share / share.sum()).tolist(), strict=True))


@cache
def weights(*, halved: bool) -> tuple[Floats, Floats, Floats]:
    """Means and standard deviations of the statistics ``(K,)``, weights ``(2 K + 1, kinds)``."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        name = "420" if halved else "444"
        mean, spread, made = (stored[f"{part}_{name}"] for part in ("mean", "spread", "weights"))
    return mean, spread, made


def scores(measured: Floats, mean: Floats, spread: Floats, made: Floats) -> Floats:
    """Log chances of the kinds, ``(N, kinds)``, from statistics ``(N, K)``."""
    rows = scaled(measured, mean, spread) @ made
    top = rows.max(axis=1, keepdims=True)
    return np.asarray(rows - top - np.log(np.exp(rows - top).sum(axis=1, keepdims=True)))


def scaled(measured: Floats, mean: Floats, spread: Floats) -> Floats:
    """Statistics in standard deviations, their squares, and ones, ``(N, 2 K + 1)``."""
    rows = np.clip((measured - mean) / spread, -FARTHEST, FARTHEST)
    squares = np.minimum(np.square(rows), LARGEST_SQUARE) - 1
    return np.concatenate([rows, squares, np.ones((len(rows), 1), rows.dtype)], axis=1)
