"""Are the files smooth, as photographs and pieces of photographs are?

Statistics: correlation of neighbouring bytes; squared difference of bytes two apart over that of
neighbours; and the same of pairs inside one block only, the least over some block sizes. A
photograph is smooth, so the first is high; and it is smooth at every scale, so the others are well
above 1. Blocks that are shuffled inside have about 1 in the third; in the second up to 1.9, if
blocks are small and the photograph has little detail, since two steps cross more edges than one.
Bars from training images (``benchmarks/identify.py --bars``): the second is 2.1 to 3.1 in small
photographs, 1.7 to 2.8 if whole blocks of them were moved; the third is 1.4 to 3.4 in both, .8 to
1.33 in shuffled blocks of one file, up to 1.5 if JPEG with halved colours smoothed them.

Grain makes it as small as 1.3 in large photographs. Between 1.3 and the bar the files are smooth if
no grid shows: equal places of blocks do not agree, and small blocks have no seams.
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import shared_blocks
from ppattack.identify.sample import Floats, Sample, common_blocks, step_profile
from ppattack.identify.seams import strength

NAME = "smooth"
CORRELATION = 0.4
GROWTH = 1.65
GROWTH_INSIDE = 1.35
GRAINY_CORRELATION, GRAINY_GROWTH = 0.5, 1.3
SMALL, LARGEST = 4, 16
"""Pixels along the blocks inside which pairs are compared."""
SMALL_BLOCK = 8
"""JPEG imitates seams of blocks of that many pixels, but not of smaller ones."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether neighbours are alike, and less so the farther apart."""
    del found
    holds = is_smooth(sample)
    words = "neighbouring values are smooth as in photographs" if holds else "not smooth"
    return Finding(
        NAME,
        "yes" if holds else "no",
        words,
        statistic="squared difference two pixels apart over that of neighbours",
        value=growth(sample.signed),
        null="1 if the pixels of a block or of the image are shuffled",
        bar=GROWTH,
        facts={
            "correlation of neighbours": round(neighbour_correlation(sample.signed), 3),
            "least correlation": CORRELATION,
            "growth inside blocks": round(least_growth_inside(sample.signed), 3),
        },
    )


def is_smooth(sample: Sample) -> bool:
    """Whether the statistics pass."""
    near, ratio = neighbour_correlation(sample.signed), growth(sample.signed)
    if least_growth_inside(sample.signed) < GROWTH_INSIDE:
        return False
    if near > CORRELATION and ratio > GROWTH:
        return True
    return near > GRAINY_CORRELATION and ratio > GRAINY_GROWTH and not _shows_a_grid(sample)


def _shows_a_grid(sample: Sample) -> bool:
    sizes = common_blocks(sample.edges, SMALL_BLOCK - 1)
    if any(strength(sample.signed, block)[0] > 0 for block in sizes):
        return True
    return shared_blocks.agrees(sample)


def neighbour_correlation(values: Floats) -> float:
    """Mean correlation of neighbours to the right and below, weighted by variance.

    Args:
        values: ``(N, C, H, W)``.
    """
    centred = values - values.mean(axis=(2, 3), keepdims=True)
    power = np.square(centred).mean(axis=(2, 3))
    across = (centred[..., 1:] * centred[..., :-1]).mean(axis=(2, 3))
    down = (centred[..., 1:, :] * centred[..., :-1, :]).mean(axis=(2, 3))
    return float(((across + down) / 2).sum() / max(float(power.sum()), 1e-9))


def growth(values: Floats) -> float:
    """Squared difference of values two apart over that of neighbours, both directions."""
    near, far = (sum(float(each.mean()) for each in step_profile(values, n)) for n in (1, 2))
    return far / max(near, 1e-9)


def least_growth_inside(values: Floats) -> float:
    """The same of pairs inside one block, the least over sizes of which blocks are not all flat.

    Args:
        values: ``(N, C, H, W)``.
    """
    edges = int(values.shape[2]), int(values.shape[3])
    near, far = step_profile(values, 1), step_profile(values, 2)
    sizes = [size for size in common_blocks(edges, LARGEST) if size > 2] or [SMALL]
    steps = [(_inside(near, 1, size), _inside(far, 2, size)) for size in sizes]
    return min((two / one for one, two in steps if one > 0), default=growth(values))


def _inside(profile: tuple[Floats, Floats], apart: int, block: int) -> float:
    """Mean over the places of which both pixels lie in one block, both directions."""
    total = 0.0
    for steps in profile:
        place = np.arange(len(steps) + apart) // block
        total += float(steps[place[apart:] == place[:-apart]].mean())
    return total
