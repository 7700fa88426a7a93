"""What the levels of files say, wherever the pixels went."""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import Bytes

PLACES_Z = 6.0
"""Standard deviations by which histograms of places differ under one key."""


def levels_alike(images: Bytes) -> float:
    """Correlation of how often a level occurs and how often the next one does.

    What photographs hold changes little from one level to the next; a table of bytes ends that. The
    two ends of the range, where photographs are clipped, do not count.
    """
    counts = np.sqrt(np.bincount(images.ravel(), minlength=256)[1:255])
    if min(counts[1:].std(), counts[:-1].std()) == 0:
        return 0.0
    return float(np.corrcoef(counts[1:], counts[:-1])[0, 1])


def places_differ(images: Bytes) -> tuple[float, float]:
    """Whether places have histograms of their own: the statistic over its bar, and its p.

    A secret table of bytes hides inner products, not that a place has other values than the rest.
    Statistic: chi-squared of the high half-bytes of every place over the files, against those of
    all places; under orders of their own it is at most its degrees of freedom on average.
    """
    halves = images.reshape(len(images), -1) >> 4
    shares = np.bincount(halves.ravel(), minlength=16) / halves.size
    total, kinds = 0.0, 0
    for level, share in enumerate(shares):
        if share > 0:
            counts = (halves == level).sum(axis=0, dtype=np.float64)
            expected = share * len(images)
            total += float((np.square(counts - expected) / expected).sum())
            kinds += 1
    freedom = max(1, (kinds - 1) * halves.shape[1])
    z = (total - freedom) / math.sqrt(2 * freedom)
    return 1 + 1e-6 if z > PLACES_Z else 0.0, upper_tail(z)
