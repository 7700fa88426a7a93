"""Do values stay at their pixel, complemented or not?

``min(v, 255 - v)`` survives complements. If no pixel moved, its sum over the channels is smooth as
in a photograph, though the bytes themselves are not. Statistics: correlation of neighbouring sums
of ``|v - 127.5|``, and the squared difference of those sums two apart over that of neighbours,
pairs inside a block only. That ratio is 1 if values are shuffled within such blocks or larger ones;
the least over some block sizes counts.

JPEG with halved colours mixes the signs of a pixel, so that little of the ratio is left in one
small file. Then a higher correlation counts, if no grid explains it: equal places of blocks do not
agree (see ``shared-blocks``). Photographs complemented in place have 0.15 to 0.45 there, shuffled
values 0 to 0.16, of 200 training images of 32 px each.

Null of the ratio: 1 with a standard deviation of about 0.03 for 1,024 pixels. Bars from training
images (``benchmarks/identify.py --bars``); photographs complemented in place have 1.4 to 2.4, after
JPEG 1.2 to 1.8, with halved colours 1.05 to 1.2.
"""

from __future__ import annotations

import math

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import after_jpeg, shared_blocks
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.properties.smooth import least_growth_inside, neighbour_correlation
from ppattack.identify.sample import Sample

NAME = "in-place"
WORDS = "every value is at its pixel, complemented or not"
RAW = 0.3
"""Correlation of neighbouring bytes, at most: more, and they are not complemented by value."""
CORRELATION, HALVED_CORRELATION = 0.25, 0.1
"""The least correlation of neighbouring sums; and after JPEG with halved colours."""
LEAST_GROWTH = 1.04
CLEAR_CORRELATION, CLEAR_GROWTH = 0.18, 0.95
"""After JPEG with halved colours: correlation that no shuffle of one file reaches, and with it the
least ratio."""
SPREAD = 5.0
"""The bar is 1 + this over the root of all pixels, if that is more: 5 standard deviations."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether folded values are smooth though the values are not."""
    told = after_jpeg.of_content(found, NAME, "values in place", WORDS)
    if told is not None:
        return told
    sums = sample.folded.sum(axis=1, keepdims=True)
    ratio = least_growth_inside(sums)
    folded, raw = neighbour_correlation(sums), neighbour_correlation(sample.signed)
    height, width = sample.edges
    bar = max(LEAST_GROWTH, 1 + SPREAD / math.sqrt(sample.count * height * width))
    least = HALVED_CORRELATION if halves_colours(found) else CORRELATION
    holds = folded > least and ratio > bar and raw < RAW
    if not holds and halves_colours(found) and raw < RAW:
        clear = folded > CLEAR_CORRELATION and ratio > CLEAR_GROWTH
        holds = clear and not shared_blocks.agrees(sample)
    hidden = "jpeg" in found and found["jpeg"].holds and not found["smooth"].holds
    return Finding(
        NAME,
        "yes" if holds else "undecided" if hidden else "no",
        WORDS if holds else "values moved, or are not complemented one by one",
        statistic="squared difference of |v - 127.5| two pixels apart over that of neighbours",
        value=ratio,
        null="1 if values are shuffled",
        bar=bar,
        facts={
            "correlation of |v - 127.5|": round(folded, 3),
            "correlation of bytes": round(raw, 3),
        },
    )
