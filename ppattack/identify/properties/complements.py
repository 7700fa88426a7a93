"""Are values or blocks complemented by the key?

A complement changes the sign of a value less 127.5.

* Whole blocks: the mean of a block less 127.5. In a photograph blocks agree in its sign.
* Shared blocks: every place of a block, summed over the blocks. Places agree without complements.
* Values in place: the content already says it.
* Shuffled values: all values of an image agree.

Statistic: the squared sum over the sum of squares, scaled to 0 for independent fair signs and 1 for
full agreement. With few places one key for all images can agree by chance; then the most negative
correlation of two places over the images counts as well. Bars from training images
(``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.coherence import EVIDENCE, agreement, independent, log_ratio
from ppattack.identify.finding import Answer, Finding, Found, answered
from ppattack.identify.properties import after_jpeg, altered
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import MIDDLE, Bytes, Floats, Sample

NAME = "complements"
YES, NO = "values are complemented", "values are not complemented"
LEAST_AGREEMENT = 0.12
"""The agreement that whole blocks of photographs have at least, over 20 files or more."""
FEWEST = 3
"""Files from which on the mean of a whole image says that values are complemented."""
KEPT = 0.9
"""Share of the files of which the mean is taken: one that is not complemented among others has
hundreds."""
LOW_VALUES, HIGH_VALUES = 5.0, 12.0
"""Squared sum over sum of squares of values, mean over images: 1 if signs are fair."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether signs look independent."""
    content = found["content"].what
    if content == "values in place":
        return Finding(NAME, "yes", "each value has its own bit", "see in-place", None, "")
    if content in (None, "noise", "one mask", "photographs"):
        empty: Answer = "no" if content == "photographs" else "undecided"
        return Finding(NAME, empty, "there is nothing to complement", "none", None, "")
    if altered.is_denied(found):
        return Finding(NAME, "no", "blocks are not complemented", "see altered", None, "")
    if content == "whole blocks":
        return _of_blocks(sample, found)
    told = after_jpeg.of_detail(found, NAME, lambda kind: kind.complements == "yes", YES, NO)
    if told is not None:
        return told
    block = block_of(found) if content == "shared blocks" else None
    rows = value_sums(sample, block)
    # Under one key in all blocks a file has few sums, which may be small by chance.
    value = mean_ratio(rows, KEPT if block is None else 1.0)
    evidence = log_ratio(np.array([value]), rows.shape[1], 1)
    enough = sample.count >= FEWEST or content != "whole image"
    low = LOW_VALUES if enough else 0.0
    answer: Answer = "yes" if value < low else "no" if value > HIGH_VALUES else "undecided"
    return Finding(
        NAME,
        answer,
        {"yes": YES, "no": NO}.get(
            answer, "the mean is near the middle: complements cannot be told"
        ),
        statistic="squared sum of values less 127.5 over the sum of squares",
        value=value,
        null="1 if values are complemented at random",
        bar=LOW_VALUES,
        lean=math.tanh(evidence / EVIDENCE),
    )


def _of_blocks(sample: Sample, found: Found) -> Finding:
    block = block_of(found)
    assert block is not None  # noqa: S101
    measured = agreement(block_means(sample.images, block).mean(axis=2, keepdims=True))
    answer = answered(independent(measured, sample.count, LEAST_AGREEMENT))
    if answer == "no" and altered.may_agree(sample, found):
        answer = "undecided"
    return Finding(
        NAME,
        answer,
        {"yes": "blocks are complemented", "no": "blocks are not complemented"}.get(
            answer, "too few blocks to tell whether they are complemented"
        ),
        statistic="agreement of blocks in the sign of their mean less 127.5",
        value=measured.value,
        null="0 if blocks are complemented at random",
        bar=LEAST_AGREEMENT,
        lean=measured.lean,
        facts={"standard error": round(measured.error, 3), "opposed": round(measured.opposed, 2)},
    )


def block_means(images: Bytes, block: int) -> Floats:
    """Means of blocks less 127.5, ``(N, M, C)``."""
    count, channels, height, width = images.shape
    cut = images.reshape(count, channels, height // block, block, width // block, block)
    means = cut.mean(axis=(3, 5), dtype=np.float32) - np.float32(MIDDLE)
    made: Floats = means.transpose(0, 2, 3, 1).reshape(count, -1, channels)
    return made


def value_sums(sample: Sample, block: int | None) -> Floats:
    """Values whose signs a key may change, ``(N, D)``: half-bytes, or their sums over blocks."""
    count = sample.count
    if block is None:
        return sample.nibbles[:, sample.nibbles.shape[1] // 2 :].reshape(count, -1)
    planes = sample.signed
    _, depth, height, width = planes.shape
    cut = planes.reshape(count, depth, height // block, block, width // block, block)
    made: Floats = cut.sum(axis=(2, 4)).reshape(count, -1)
    return made


def mean_ratio(rows: Floats, kept: float = 1.0) -> float:
    """Squared sum over sum of squares, the mean over the share of the rows with the least."""
    power = np.square(rows).sum(axis=1, dtype=np.float64)
    total = np.square(rows.sum(axis=1, dtype=np.float64))
    ratios = np.sort(total / np.maximum(power, 1e-9))
    return float(ratios[: math.ceil(kept * len(ratios))].mean())
