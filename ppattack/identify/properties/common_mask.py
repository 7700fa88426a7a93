"""Is one exclusive-or mask used for all files?

Statistic: chi-squared of the histograms of bytes and high half-bytes of ``a XOR b`` over
neighbouring files a, b of the folder. One mask cancels, and what is left is the exclusive or of two
photographs, whose high half-bytes are often equal. Under independent masks the histogram is
uniform, so p needs no calibration. It is asked only if every file by itself looks like noise.
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties.noise import histogram_chances
from ppattack.identify.sample import Sample

NAME = "common-mask"
LEVEL = 1e-4
"""Folders of noise in which a common mask is found by chance, at most."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether the exclusive or of two files tells something, though no single file does."""
    null = "uniform over 0..1 under a mask of its own for each file"
    statistic = "p of the histograms of the exclusive or of two files, corrected"
    if sample.count < 2:
        return Finding(
            NAME, "undecided", "it takes two files to see a common mask", statistic, None, null
        )
    single = min(
        chance
        for name, chance in histogram_chances(sample.images).items()
        if not name.startswith("histogram of all")  # one mask makes those of all files uneven
    )
    chances = histogram_chances(np.bitwise_xor(sample.images[1:], sample.images[:-1]))
    p = min(1.0, min(chances.values()) * len(chances))
    holds = p < LEVEL < single
    words = "one mask is combined with all files" if holds else "no mask common to all files"
    return Finding(
        NAME,
        "yes" if holds else "no",
        words,
        statistic=statistic,
        value=p,
        null=null,
        bar=LEVEL,
        p=p,
    )
