"""Is there one key for all files, or one for each?

Files under one key agree with each other more than files under keys of their own. What is compared
depends on the content:

| content | of a file | changed at random by a key of its own |
|---|---|---|
| values in place | values less 127.5 | the sign of each value |
| whole image | values less their mean | their order |
| own blocks | values less the mean of their block | their order within the block |
| whole blocks | mean and slopes of brightness and colours | order of blocks; signs of complements |
| few whole blocks | which of their borders fit | order of blocks |
| shared blocks | covariance of the places of a block | the order of places |

Statistic: the squared inner products of pairs of files over what keys of their own would give; of
covariances, the mean correlation; of borders, see ``borders``. The first three nulls are known in
closed form, 1 with a standard deviation of root 2 over the root of the pairs; the others are drawn.
One key is said if p
is small and the ratio above its bar. A key each is said only of so many files that one key would
have shown, else it is undecided (``benchmarks/identify.py --bars``); not where a table has
exchanged levels, which hides what one key makes alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ppattack.identify.borders import border_steps, fit_alike
from ppattack.identify.finding import Finding, Found
from ppattack.identify.levels import levels_alike, places_differ
from ppattack.identify.one_key import (
    Rows,
    moments_of_places,
    orders,
    ratios_of_pairs,
    signs,
    within_blocks,
)
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import Floats, Sample

NAME = "key-scope"
FILES, FEW_FILES = 64, 32
"""Files that are compared, at most; by their borders."""
LEVEL, DOUBTFUL, SURE = 0.005, 0.02, 1e-12
"""p of one key: it is said below the first, and above the second perhaps that each has its own;
never below the third, though the value be small."""
BARS = {
    "values in place": 3.0,
    "whole image": 3.0,
    "own blocks": 2.5,
    "whole blocks": 1.5,
    "shared blocks": 0.2,
}
"""The least ratio, or correlation, that one key gives."""
FEW_BLOCKS = 16
"""Fewer whole blocks than that are compared by their borders."""
FEW_BAR, FEW_NEAR, FEW_ENOUGH = 5.0, 4.0, 10
"""z of one key, z below which there is none, and files from which on it would have shown. Four
blocks under one key have 3 to 9 with 5 files, 4 to 12 with 8, 8 to 18 with 12 and 12 to 23 with 20;
under a key each -2.7 to 4.5 (training images, ``etc`` and ``patch-shuffle``, 100 folders each)."""
ENOUGH = {
    "values in place": 5,
    "whole image": 5,
    "own blocks": 5,
    "whole blocks": 18,
    "shared blocks": 5,
}
"""Files from which on one key would have shown."""
LEVELS_BAR = 0.4
"""Correlation of the counts of neighbouring levels below which a table has exchanged levels.
Photographs have .53 to .99 from 5 files on, behind a table at most .25 (CIFAR-10 training half)."""
DRAWS = 399
BLOCKS = 256


def test(sample: Sample, found: Found) -> Finding:
    """One key, one each, or undecided."""
    content, block = found["content"].what, block_of(found)
    null = "what keys of their own would give"
    if content == "one mask":
        return Finding(
            NAME, "yes", "one key for all files", "see common-mask", None, null, what="dataset"
        )
    if content not in BARS:
        words = "there is no key to compare"
        return Finding(NAME, "undecided", words, "none", None, null, what="undecided")
    blocks = _number_of_blocks(sample, block)
    few = content == "whole blocks" and blocks < FEW_BLOCKS
    statistic = "squared inner products of pairs of files over those under keys of their own"
    if few:
        statistic = "standard deviations by which the same borders fit in all files"
    if sample.count < 2:
        words = "one file does not tell whether others have its key"
        return Finding(NAME, "undecided", words, statistic, None, null, what="undecided")
    kept = Sample(sample.images[:FILES])
    value, p = _measured(kept, content, block, found)
    bar, near, enough = (FEW_BAR, FEW_NEAR, FEW_ENOUGH) if few else _bars(content)
    one = p < LEVEL and value > bar
    each = not one and sample.count >= enough and (value < near or p > DOUBTFUL) and p > SURE
    hidden = each and content == "whole image" and levels_alike(kept.images) < LEVELS_BAR
    each = each and not hidden
    what = "dataset" if one else "image" if each else "undecided"
    words = {
        "dataset": "one key for all files",
        "image": "a key for each file",
        "undecided": "too few files to tell one key from a key each",
    }[what]
    if hidden:
        words = "levels were exchanged or mixed, which would hide that files share a key"
    return Finding(
        NAME,
        "yes" if one else "no" if each else "undecided",
        words,
        statistic=statistic,
        value=value,
        null=null,
        bar=bar,
        p=p,
        what=what,
    )


def _bars(content: str) -> tuple[float, float, int]:
    """The least value of one key, the value below which it is none, and files that are enough."""
    bar = BARS[content]
    null = 0.0 if content == "shared blocks" else 1.0
    return bar, bar if content == "whole blocks" else (null + bar) / 2, ENOUGH[content]


def _number_of_blocks(sample: Sample, block: int | None) -> int:
    return 0 if block is None else math.prod(edge // block for edge in sample.edges)


def _measured(sample: Sample, content: str, block: int | None, found: Found) -> tuple[float, float]:
    # Halved colours make neighbours alike whatever the key.
    values = sample.brightness if halves_colours(found) else sample.signed
    if content == "values in place":
        return in_closed_form(values.reshape(sample.count, -1), signs)
    if content == "whole image" or block is None:
        images = sample.images
        if found["unit"].what == "pixel":
            # Channels of a pixel are alike: three say no more than one.
            values, images = values.mean(axis=1, keepdims=True), images[:, :1]
        rows = values.reshape(sample.count, -1)
        value, p = in_closed_form(rows - rows.mean(axis=1, keepdims=True), orders)
        ratio, other = places_differ(images)
        return (value, p) if p < other else (max(value, BARS[content] * ratio), other)
    if content == "own blocks":
        return in_closed_form(within_blocks(values, block), orders)
    if content == "shared blocks":
        return covariances_alike(values, block)
    if _number_of_blocks(sample, block) < FEW_BLOCKS:
        return fit_alike(border_steps(sample.signed[:FEW_FILES], block))
    return blocks_alike(sample, block, signs=found["complements"].holds)


def in_closed_form(rows: Rows, expected: Callable[[Rows], np.ndarray]) -> tuple[float, float]:
    """The ratio over all pairs of files, and its p.

    Args:
        rows: ``(N, D)``, or ``(N, groups, D)`` whose groups change by themselves.
        expected: of a pair, the mean squared inner product under keys of their own.
    """
    ratios = ratios_of_pairs(rows, expected)[np.triu_indices(len(rows), 1)]
    value = float(ratios.mean())
    return value, upper_tail((value - 1) / math.sqrt(2 / len(ratios)))


def covariances_alike(values: Floats, block: int) -> tuple[float, float]:
    """Mean correlation of the covariances of a file and the next, and its p by shuffled places."""
    count, rng = len(values), np.random.default_rng(0)
    moments = moments_of_places(values, block, rng)
    upper = np.triu_indices(moments.shape[1], 1)

    def mean_correlation(orders: list[np.ndarray] | None) -> float:
        made = []
        for i in range(count - 1):
            second = moments[i + 1]
            if orders is not None:
                second = second[np.ix_(orders[i], orders[i])]
            made.append(float(np.corrcoef(moments[i][upper], second[upper])[0, 1]))
        return float(np.nanmean(made))

    value = mean_correlation(None)
    draws = max(3, min(20, 400 // count))
    drawn = np.array(
        [
            mean_correlation([rng.permutation(moments.shape[1]) for _ in range(count - 1)])
            for _ in range(draws)
        ]
    )
    return value, upper_tail((value - drawn.mean()) / max(float(drawn.std()), 1e-4))


def blocks_alike(sample: Sample, block: int, *, signs: bool) -> tuple[float, float]:
    """The ratio for whole blocks, and its p by drawn keys.

    Args:
        sample: the files.
        block: edge of a block.
        signs: whether keys complement blocks.
    """
    rng = np.random.default_rng(0)
    features = block_features(sample, block)
    kept = rng.permutation(features.shape[2])[:BLOCKS]
    rows = features[:, :, kept].astype(np.float64)
    if not signs:
        rows = rows - rows.mean(axis=2, keepdims=True)

    def strength(changed: np.ndarray) -> float:
        products = np.matmul(changed.transpose(1, 0, 2), changed.transpose(1, 2, 0))
        pairs = np.triu_indices(len(changed), 1)
        powers = np.square(changed).sum(axis=2)
        total = 0.0
        for each, power in zip(products, powers.T, strict=True):
            wanted = (power[:, None] * power[None] / changed.shape[2])[pairs]
            total += float(np.square(each[pairs]).sum() / max(float(wanted.sum()), 1e-9))
        return total / len(products)

    value = strength(rows)
    drawn = np.array([strength(_drawn(rows, rng, signs=signs)) for _ in range(_draws(rows))])
    ratio = value / max(float(drawn.mean()), 1e-9)
    return ratio, float((1 + (drawn >= value).sum()) / (1 + len(drawn)))


def _draws(rows: np.ndarray) -> int:
    """As many as cost little, and enough for the level."""
    count, depth, number = rows.shape
    return int(np.clip(1e8 // (count * count * depth * number), 219, DRAWS))


def _drawn(rows: np.ndarray, rng: np.random.Generator, *, signs: bool) -> np.ndarray:
    """The same files under keys of their own."""
    order = rng.permuted(np.broadcast_to(np.arange(rows.shape[2]), rows[:, 0].shape), axis=1)
    made = np.take_along_axis(rows, order[:, None], axis=2)
    if signs:
        made = made * rng.choice([-1.0, 1.0], (len(rows), 1, rows.shape[2]))
    return np.asarray(made)


def block_features(sample: Sample, block: int) -> Floats:
    """What of a block one key moves alike in all files, ``(N, features, M)``.

    Mean, slope across and slope down of brightness and of two colour differences, and how the slope
    of brightness changes; a complement changes the sign of all.
    """
    values = sample.signed
    planes = [values.mean(axis=1)]
    if values.shape[1] == 3:
        planes += [values[:, 0] - values[:, 2], values[:, 0] - 2 * values[:, 1] + values[:, 2]]
    flat = np.ones(block, np.float32) / block
    ramp = (np.arange(block) - (block - 1) / 2).astype(np.float32) / block
    made = []
    for plane in planes:
        count, height, width = plane.shape
        cut = plane.reshape(count, height // block, block, width // block, block)
        weights = [(flat, flat), (flat, ramp), (ramp, flat)]
        if plane is planes[0]:
            weights.append((ramp, ramp))
        made += [
            np.einsum("nrbcw,b,w->nrc", cut, down, across, optimize=True).reshape(count, -1)
            for down, across in weights
        ]
    return np.stack(made, axis=1)
