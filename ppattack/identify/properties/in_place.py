"""Do values stay at their pixel, complemented or not?

``min(v, 255 - v)`` survives complements. If no pixel moved, its sum over the channels is smooth as
in a photograph, though the bytes themselves are not. Statistics: correlation of neighbouring sums
of ``|v - 127.5|``, and the squared difference of those sums two apart over that of neighbours,
pairs inside a block only. That ratio is 1 if values are shuffled within such blocks or larger ones;
the least over some block sizes counts.

Null of the ratio: 1 with a standard deviation of about 0.03 for 1,024 pixels. Bars from training
images (``benchmarks/identify.py --bars``); photographs complemented in place have 1.4 to 2.4, after
JPEG 1.2 to 1.8, with halved colours 1.05 to 1.2.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.properties.smooth import neighbour_correlation
from ppattack.identify.sample import Floats, Sample, common_blocks

NAME = "in-place"
RAW = 0.3
"""Correlation of neighbouring bytes, at most: more, and they are not complemented by value."""
CORRELATION, HALVED_CORRELATION = 0.25, 0.1
"""The least correlation of neighbouring sums; and after JPEG with halved colours."""
LEAST_GROWTH = 1.04
SPREAD = 5.0
"""The bar is 1 + this over the root of all pixels, if that is more: 5 standard deviations."""
SMALL, LARGEST = 4, 16
"""Pixels along the blocks inside which pairs are compared."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether folded values are smooth though the values are not."""
    sums = sample.folded.sum(axis=1, keepdims=True)
    sizes = [size for size in common_blocks(sample.edges, LARGEST) if size > 2] or [SMALL]
    ratio = min(growth_inside(sums, size) for size in sizes)
    folded, raw = neighbour_correlation(sums), neighbour_correlation(sample.signed)
    height, width = sample.edges
    bar = max(LEAST_GROWTH, 1 + SPREAD / math.sqrt(sample.count * height * width))
    least = HALVED_CORRELATION if halves_colours(found) else CORRELATION
    holds = folded > least and ratio > bar and raw < RAW
    hidden = "jpeg" in found and found["jpeg"].holds and not found["smooth"].holds
    return Finding(
        NAME,
        "yes" if holds else "undecided" if hidden else "no",
        "every value is at its pixel, complemented or not"
        if holds
        else "values moved, or are not complemented one by one",
        statistic="squared difference of |v - 127.5| two pixels apart over that of neighbours",
        value=ratio,
        null="1 if values are shuffled",
        bar=bar,
        facts={
            "correlation of |v - 127.5|": round(folded, 3),
            "correlation of bytes": round(raw, 3),
        },
    )


def growth_inside(values: Floats, block: int) -> float:
    """Squared difference two apart over that of neighbours, of pairs inside one block."""
    near = far = 0.0
    for axis in (3, 2):
        moved = np.moveaxis(values, axis, 3)
        place = np.arange(moved.shape[3]) // block
        one = np.square(moved[..., 1:] - moved[..., :-1])[..., place[1:] == place[:-1]]
        two = np.square(moved[..., 2:] - moved[..., :-2])[..., place[2:] == place[:-2]]
        near, far = near + float(one.mean()), far + float(two.mean())
    return far / max(near, 1e-9)
