"""Are whole blocks put beside others, so that their edges show as seams?

A segment is the edge between two blocks that lie side by side. Statistic, for every block edge b
that fits: the mean over all segments of the logarithm of the squared step across the segment over
that of the next few steps to both sides of it. Of the edges at multiples of b only those count that
are no multiples of ``p b`` for a prime p, the least over p, so that a grid does not look like its
divisors. It does look like its multiples: the smallest b that passes is the answer. A photograph
has its local strong edges, but not along all segments of a grid.

Null: a photograph has -0.4 to 0.3 (the steps beside are farther from smooth areas), up to 0.7 with
the grid of JPEG, up to 1.1 if an image has only four segments. Photographs with moved blocks have 1
to 5. Inside, blocks must be smooth (see ``smooth``). Bars from training images
(``benchmarks/identify.py --bars``).

Of few files the log odds that borders touched (see ``touching``) decide instead, where they can be
had: where four blocks at most make an image, those of another order than the one in which they lie;
of more blocks, the mean over those that lie side by side, if seams show as well. After JPEG borders
are those of brightness; and blocks below 8 px, which lie inside its cells and look as if they
touched, show by their seams (at least 0.5 in 240 single training files each of ``etc`` and
``patch-shuffle`` with blocks of 4 px, at most 0.12 in 1,500 photographs).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties.smooth import growth, is_smooth
from ppattack.identify.sample import Sample, common_blocks
from ppattack.identify.seams import strength
from ppattack.identify.touching import FEW_BLOCKS, SMALLEST, as_it_lies, odds_as_they_lie

NAME = "block-edges"
LARGEST = 64
"""Pixels along the largest block that is tried."""
BAR_SMALL, BAR_LARGE, BAR_FEW = 0.5, 0.8, 1.02
"""For blocks below 8 px, which JPEG does not imitate; for others; for few segments and for the grid
of JPEG."""
JPEG_BLOCK = 8
FEW = 6
"""Segments that are few."""
FEW_FILES = 4
"""Files up to which the odds that borders touched are asked for as well."""
BAR_ORDER = 3.0
"""Log odds of another order, where four blocks at most make an image. Of single training images of
32 px .6 % of the photographs have more, and 99.2 and 99.3 % if blocks are moved, or altered too."""
BAR_FITS, BAR_BESIDE = 0.6, 0.3
"""Other blocks are moved if their log odds of having touched as they lie are below the first, and
their seams above the second. Single photographs have odds of 1.0 and 1.8 at least for blocks of 8
and 4 px (.2 and 3.5 after JPEG of quality 30), moved blocks at most .35 and -2.0 in 99 %."""
BAR_FITS_IN_CELLS = 2.5
"""The first after JPEG for blocks below 8 px: moved ones have up to 2.4 in 99 %, single photographs
2.3 at least; but of these none has seams."""
MANY, BAR_MANY, ABOVE_CELLS = 16, 0.5, 0.5
"""From so many files on seams at multiples of 16 px show by their strength, and by how much it is
above that of seams of 8 px, which is all the grid of JPEG. Photographs, 150 folders of 20 files for
each of five ways to compress them, have at most 0.3 (0.6 and 1.0 at quality 30) and 0.46."""


def test(sample: Sample, found: Found) -> Finding:
    """The smallest block size whose edges are seams."""
    compressed = "jpeg" in found and found["jpeg"].holds
    values: dict[int, float] = {}
    bars: dict[int, float] = {}
    sizes = common_blocks(sample.edges, LARGEST)
    for block in sizes:
        values[block], segments = strength(sample.signed, block)
        if segments * sample.count < FEW or (compressed and not block % JPEG_BLOCK):
            bars[block] = BAR_FEW
        else:
            bars[block] = BAR_SMALL if block < JPEG_BLOCK else BAR_LARGE
        if sample.count >= MANY and not block % (2 * JPEG_BLOCK) and JPEG_BLOCK in values:
            above = max(BAR_MANY, values[JPEG_BLOCK] + ABOVE_CELLS)
            bars[block] = min(bars[block], above)
    smooth = found["smooth"].holds if "smooth" in found else is_smooth(sample)
    odds = _odds(sample, sizes, compressed) if smooth else {}
    passes = {block: values[block] > bars[block] for block in sizes}
    for block, value in odds.items():
        few = _are_few(sample, block)
        passes[block] = (
            value > BAR_ORDER if few else value < BAR_FITS and values[block] > BAR_BESIDE
        )
        if compressed and block % JPEG_BLOCK and not few:
            passes[block] = value < BAR_FITS_IN_CELLS and values[block] > BAR_SMALL
    passing = [block for block in sizes if passes[block]] if smooth else []
    best = min(passing) if passing else max(sizes, key=lambda b: values[b] - bars[b], default=None)
    return Finding(
        NAME,
        "yes" if passing else "no",
        f"seams every {best} px" if passing else "no seams on a grid",
        **_statistic(sample, best, values, bars, odds),
        what=best if passing else None,
        facts={
            "by block size": {b: round(value, 3) for b, value in values.items()},
            "growth": round(growth(sample.signed), 3),
            "flat inside": round(flat_inside(sample, best), 3) if passing and best else 0.0,
            "log odds of borders": {b: round(value, 2) for b, value in odds.items()},
        },
    )


def _statistic(
    sample: Sample,
    block: int | None,
    values: dict[int, float],
    bars: dict[int, float],
    odds: dict[int, float],
) -> dict[str, Any]:
    """What decided for a block size: statistic, value, null and bar."""
    if block in odds and _are_few(sample, block):
        words, null = "log odds that blocks lie in another order than they belong", "below 0"
        return {"statistic": words, "value": odds[block], "null": null, "bar": BAR_ORDER}
    if block in odds:
        words, null = "mean log odds that blocks side by side touched", "above 1 without a grid"
        return {"statistic": words, "value": odds[block], "null": null, "bar": BAR_FITS}
    return {
        "statistic": "mean logarithm of squared steps across seams over those beside",
        "value": None if block is None else values[block],
        "null": "-0.4 to 0.3 without a grid, to 1.1 on four seams",
        "bar": None if block is None else bars[block],
    }


def _odds(sample: Sample, sizes: list[int], compressed: bool) -> dict[int, float]:
    """Log odds of another order of few blocks, of others that they touched as they lie."""
    if sample.count > FEW_FILES:
        return {}
    images = list(sample.brightness if compressed else sample.signed)
    return {
        block: -sum(as_it_lies(image, block) for image in images)
        if _are_few(sample, block)
        else sum(odds_as_they_lie(image, block) for image in images) / len(images)
        for block in sizes
        if block >= SMALLEST
    }


def _are_few(sample: Sample, block: int) -> bool:
    height, width = sample.edges
    return height * width <= FEW_BLOCKS * block**2


def flat_inside(sample: Sample, block: int) -> float:
    """The share of steps inside blocks that are 0."""
    shares = []
    for axis in (2, 3):
        steps = np.diff(sample.signed, axis=axis) == 0
        inside = (np.arange(steps.shape[axis]) + 1) % block != 0
        shares.append(steps.compress(inside, axis=axis).mean())
    return float(np.mean(shares))
