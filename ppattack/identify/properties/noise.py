"""Is there anything at all that tells the files from noise?

Statistics: chi-squared of the histograms of bytes, high and low half-bytes and of ``min(v, 255 -
v)``, image by image and over all; correlations of neighbours; the mean of every bit over the
images. Under independent uniform bytes each has a known distribution, so that p needs no
calibration. The least p, times the number of tests, decides.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.sample import Bytes, Sample

NAME = "noise"
LEVEL = 2e-4
"""Folders of noise in which something is found by chance, at most: one in 5,000."""
FEWEST_FOR_MEANS = 4
"""Images from which on the means of bits over the images are compared."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether the files look like independent uniform bytes."""
    chances = {**histogram_chances(sample.images), **neighbour_chances(sample)}
    if sample.count >= FEWEST_FOR_MEANS:
        chances["bits over images"] = bits_over_images(sample.images)
    least = min(chances, key=lambda name: chances[name])
    p = min(1.0, chances[least] * len(chances))
    holds = p > LEVEL
    words = "nothing tells the files from noise" if holds else f"not noise: {least}"
    return Finding(
        NAME,
        "yes" if holds else "no",
        words,
        statistic=f"least p of {len(chances)} tests of uniform independent bytes, corrected",
        value=p,
        null="uniform over 0..1 in noise",
        bar=LEVEL,
        p=p,
        what=None if holds else least,
    )


def histogram_chances(images: Bytes) -> dict[str, float]:
    """The p of the histograms: of each image, summed, and of all images together."""
    rows = images.reshape(len(images), -1)
    counts = np.stack([np.bincount(row, minlength=256) for row in rows]).astype(float)
    halves = counts.reshape(-1, 16, 16)
    kinds = {
        "bytes": counts,
        "high half-bytes": halves.sum(axis=2),
        "low half-bytes": halves.sum(axis=1),
        "folded bytes": counts[:, :128] + counts[:, :127:-1],
    }
    made = {}
    for name, table in kinds.items():
        made[f"histograms of {name}"] = _chance(table)
        if len(images) > 1:
            made[f"histogram of all {name}"] = _chance(table.sum(axis=0, keepdims=True))
    return made


def neighbour_chances(sample: Sample) -> dict[str, float]:
    """The p of the correlation of neighbours to the right, below and in the next channel."""
    made = {}
    uniform, folded_variance = (256**2 - 1) / 12, (128**2 - 1) / 12
    folded = sample.folded - np.float32(64)
    for kind, values, variance in (
        ("neighbours", sample.signed, uniform),
        ("folded neighbours", folded, folded_variance),
    ):
        pairs = {
            "to the right": (values[..., 1:], values[..., :-1]),
            "below": (values[..., 1:, :], values[..., :-1, :]),
            "between channels": (values[:, 1:], values[:, :-1]),
        }
        for where, (first, second) in pairs.items():
            if first.size:
                z = float(np.einsum("nchw,nchw->", first, second, dtype=np.float64))
                made[f"{kind} {where}"] = two_sided(z / variance / math.sqrt(first.size))
    return made


def bits_over_images(images: Bytes) -> float:
    """The p of the mean of every bit of every place over the images."""
    count = len(images)
    total = 0.0
    for bit in range(8):
        ones = ((images >> bit) & 1).sum(axis=0, dtype=np.int64)
        total += float(np.square(2 * ones - count).sum()) / count
    places = 8 * images[0].size
    # Each term has mean 1 and variance 2 - 2 / N.
    return upper_tail((total - places) / math.sqrt(places * (2 - 2 / count)))


def chi_squared_tail(value: float, freedom: int) -> float:
    """The chance of a larger chi-squared (Wilson and Hilferty's approximation, 1931)."""
    spread = 2 / (9 * freedom)
    return upper_tail(((value / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def upper_tail(z: float) -> float:
    """The chance of a larger standard normal value."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def two_sided(z: float) -> float:
    """The chance of a standard normal value farther from 0."""
    return math.erfc(abs(z) / math.sqrt(2))


def _chance(counts: np.ndarray) -> float:
    """The p of histograms ``(N, K)`` against uniform ones."""
    expected = counts.sum(axis=1, keepdims=True) / counts.shape[1]
    value = float((np.square(counts - expected) / expected).sum())
    return chi_squared_tail(value, len(counts) * (counts.shape[1] - 1))
