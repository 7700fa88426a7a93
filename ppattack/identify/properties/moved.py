"""Do blocks change places?

Neighbouring blocks of a photograph are alike, and so are their means of ``|v - 127.5|`` and of its
square, which complements, turns and shuffles inside blocks leave alone. Statistic: the mean
product of these of neighbouring blocks, each less the mean of its image, over the mean square,
plus ``1 / (M - 1)`` for M blocks. Null if blocks are moved: 0, with a standard deviation that
follows from the number of pairs; p is for this null. One key for all files moves all alike, which
spreads the value by up to 0.1. Bars from training images (``benchmarks/identify.py --bars``):
blocks that stay have 0.2 to 0.5.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Answer, Finding, Found
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import Floats, Sample, block_sums

NAME = "moved"
LEVEL = 1e-4
"""p below which neighbours are alike, so that blocks stay."""
FEW_BLOCKS, FEW_LEAN = 4, 0.25
"""If blocks are so few, every third order leaves neighbours side by side, and one key does so in
all files."""
EVEN, LEAN_ERRORS = 0.2, 2.5
"""Where an image with few blocks says as little for one answer as for the other."""
STAYS, MOVED = 0.13, 0.17
"""One and a half standard errors above the first they stay, below the second they moved."""
GREY_STAYS = 0.2
"""The first for whole grey blocks: those of colour that one key puts together reach 0.22."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether neighbouring blocks are alike."""
    content, block = found["content"].what, block_of(found)
    if block is None:
        empty: Answer = "no" if content in ("photographs", "values in place") else "undecided"
        return Finding(NAME, empty, "there are no blocks", "none", None, "")
    features = contrasts(sample, block)
    value, error = neighbours_alike(features)
    value += 1 / max(features.shape[1] * features.shape[2] - 1, 1)
    p = upper_tail(value / error)
    few = features.shape[1] * features.shape[2] <= FEW_BLOCKS
    grey = content == "whole blocks" and sample.images.shape[1] == 1
    least = GREY_STAYS if grey else STAYS
    stays = not few and p < LEVEL and value > least + 1.5 * error
    moved = not stays and value + 1.5 * error < MOVED
    answer: Answer = "yes" if moved else "no" if stays else "undecided"
    words = {"yes": "blocks change places", "no": "blocks stay where they are"}
    return Finding(
        NAME,
        answer,
        words.get(answer, "too few blocks to tell whether they change places"),
        statistic="mean product of neighbouring blocks over the mean square",
        value=value,
        null="0 if blocks change places",
        bar=STAYS,
        p=p,
        lean=float(np.clip((EVEN - value) / (LEAN_ERRORS * error), -FEW_LEAN if few else -1, 1)),
        facts={"standard error": round(error, 3)},
    )


def contrasts(sample: Sample, block: int) -> Floats:
    """What is compared, ``(N, rows, columns, 2)``, each of mean 0 and variance 1 in an image."""
    folded = sample.folded.mean(axis=1, keepdims=True)
    planes = block_sums(np.concatenate([folded, np.square(folded)], axis=1), block)
    planes = planes - planes.mean(axis=(2, 3), keepdims=True)
    spread = np.sqrt(np.square(planes).mean(axis=(2, 3), keepdims=True)) + 1e-9
    return np.asarray((planes / spread).transpose(0, 2, 3, 1), np.float32)


def neighbours_alike(features: Floats) -> tuple[float, float]:
    """Mean product of neighbours over the mean square, and its standard deviation by chance.

    Args:
        features: ``(N, rows, columns, d)``, centred image by image.
    """
    power = float(np.square(features).sum(axis=3).mean())
    parts = []
    for axis in (2, 1):
        moved = np.moveaxis(features, axis, 2)
        if moved.shape[2] > 1:
            parts.append((moved[:, :, 1:] * moved[:, :, :-1]).sum(axis=3))
    if not parts or power <= 0:
        return 0.0, math.inf
    products = np.concatenate([part.reshape(len(features), -1) for part in parts], axis=1) / power
    value = float(products.mean())
    spread = float(products.std()) or 1.0
    return value, max(spread, 0.5) / math.sqrt(products.size)
