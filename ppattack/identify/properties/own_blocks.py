"""Is every block shuffled by a key of its own?

What is shuffled within a block stays in it, so that two windows of one block have values of the
same distribution, and two windows of neighbouring blocks less so. Statistic, for every block edge
b: the mean of three z over the square root of 3: how much more windows of b/2 differ across the
grid than inside blocks, in the histogram of the eight levels of ``min(h, 15 - h)`` of their half-
bytes h and in its mean, and how much more blocks differ from the whole than the same blocks
shifted by half.

A grid looks like its divisors, but not at their odd multiples, which lie inside its blocks: the b
with the largest sum of the statistic over all multiples and over odd ones is the answer.

Null: a standard normal value, if the whole image is shuffled. p is for the largest of all b. In
photographs and in images whose pixels stay in place it is not: those are found before.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import after_jpeg
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import NIBBLE_LEVELS, Floats, Sample, block_sums, common_blocks

NAME = "own-blocks"
WORDS = "blocks of {} px are shuffled, each by its own key"
BAR_AFTER_JPEG, BAR_HALVED = 0.6, 0.9
"""Chance from which on it is said of a small compressed file (see ``after-jpeg``), and if colours
were halved. It then is said of 2 of 4,000 compressed one-time pads either way, and of 1.0 and .2 %
of 600 training files whose half-bytes are shuffled over the whole image."""
LARGEST = 32
"""Pixels along the largest block that is tried."""
EXPLAIN = ("smooth", "shared-blocks", "in-place")
"""Properties under which windows of one block are alike without keys of their own."""
NONE = "no blocks that are shuffled by keys of their own"
ALIKE = 0.25
"""Correlation of neighbours that values complemented or moved by halves do not reach."""
FEWEST = 12
"""Values of which a standard error is trusted: of fewer z has a longer tail than the normal."""
LEVEL, LEVEL_FEW, NOISE_LEVEL = 1e-4, 1e-3, 1e-7
"""Folders shuffled as a whole in which blocks are found by chance, at most; the same of few files,
of which blocks show less; and folders that look like noise otherwise."""
FEW_FILES = 4


def test(sample: Sample, found: Found) -> Finding:
    """The block size with the largest z, if its p is small and nothing else explains it."""
    bar = BAR_HALVED if halves_colours(found) else BAR_AFTER_JPEG
    told = after_jpeg.of_content(found, NAME, "own blocks", WORDS, bar)
    if told is not None:
        return told
    other = next((name for name in EXPLAIN if name in found and found[name].holds), None)
    if other is not None:
        return Finding(NAME, "no", f"{other} explains the blocks", f"see {other}", None, "")
    sizes = common_blocks(sample.edges, LARGEST)
    both = {b: strengths(sample.levels, b) for b in sizes}
    values, alone = ({b: pair[i] for b, pair in both.items()} for i in (0, 1))
    best = max(sizes, key=lambda b: values[b] + alone[b], default=None)
    p = 1.0 if best is None else min(1.0, upper_tail(values[best]) * len(values))
    level = LEVEL_FEW if sample.count <= FEW_FILES else LEVEL
    level = NOISE_LEVEL if "noise" in found and found["noise"].holds else level
    holds = p < level
    words = WORDS.format(best) if holds else NONE
    if holds and _may_be_shared(found):
        holds, words = False, "compression hides whether each block has its own key"
    hidden = not holds and "jpeg" in found and found["jpeg"].holds
    return Finding(
        NAME,
        "yes" if holds else "undecided" if hidden else "no",
        words,
        statistic="how much more windows differ across the grid than inside its blocks, z",
        value=None if best is None else values[best],
        null="standard normal, the largest over block sizes",
        bar=None,
        p=p,
        what=best if holds else None,
        facts={"by block size": {b: round(value, 2) for b, value in values.items()}},
    )


def _may_be_shared(found: Found) -> bool:
    """Whether halved colours hide that all blocks have one key, of values not complemented."""
    return halves_colours(found) and (
        found["smooth"].facts["correlation of neighbours"] > ALIKE
        and found["shared-blocks"].answer == "undecided"
    )


def strengths(levels: Floats, block: int) -> tuple[float, float]:
    """The statistic for one block size over all edges of blocks, and over odd multiples only.

    Args:
        levels: ``(N, 8, H, W)``, how many half-bytes of a pixel have each level.
        block: edge of a block.
    """
    half = block // 2
    expected = levels.mean(axis=(0, 2, 3)) * half * half + 1e-6
    counts = corner_sums(levels, block)
    weights = np.arange(NIBBLE_LEVELS, dtype=np.float32)[None, :, None, None]
    features = (
        counts / np.sqrt(expected)[None, :, None, None],
        (counts * weights).sum(axis=1, keepdims=True),
    )
    steps = [_steps(each, axis) for each in features for axis in (2, 3)]
    aligned = _excess(levels, block, (0, 0), expected)
    others = [_excess(levels, block, at, expected) for at in ((half, half), (0, half), (half, 0))]
    shifted = _z(aligned, np.concatenate(others))
    every, odd = (
        (sum(_across_over_inside(each, odd) for each in steps) / math.sqrt(2) + shifted)
        / math.sqrt(3)
        for odd in (False, True)
    )
    return every, odd


def corner_sums(planes: Floats, block: int) -> Floats:
    """Sums over the four windows of half a block in the corners of each block.

    Args:
        planes: ``(N, P, H, W)``.
        block: edge of a block; of an odd one the middle row and column are left out.

    Returns:
        ``(N, P, 2 rows, 2 columns)`` in the order of the image.
    """
    count, depth, height, width = planes.shape
    rows, columns, half = height // block, width // block, block // 2
    cut = planes[:, :, : rows * block, : columns * block]
    cut = cut.reshape(count, depth, rows, block, columns, block)
    upper = np.stack([cut[:, :, :, :half].sum(3), cut[:, :, :, block - half :].sum(3)], axis=3)
    both = np.stack([upper[..., :half].sum(-1), upper[..., block - half :].sum(-1)], axis=-1)
    made: Floats = both.reshape(count, depth, 2 * rows, 2 * columns)
    return made


def _steps(features: Floats, axis: int) -> Floats:
    """Squared differences of windows beside each other, the direction last."""
    moved = np.moveaxis(features, axis, 3)
    made: Floats = np.square(moved[..., 1:] - moved[..., :-1]).sum(axis=1)
    return made


def _across_over_inside(steps: Floats, odd: bool) -> float:
    """The z of steps across the grid, or its odd multiples, against those inside."""
    place = np.arange(1, steps.shape[-1] + 1)
    across = place % 4 == 2 if odd else place % 2 == 0
    return _z(steps[..., across], steps[..., place % 2 == 1])


def _excess(levels: Floats, block: int, at: tuple[int, int], expected: Floats) -> Floats:
    """Chi-squared of every block of a shifted grid against the whole, flat."""
    counts = block_sums(levels, block, *at)
    wanted = block**2 / (block // 2) ** 2 * expected[None, :, None, None]
    made: Floats = (np.square(counts - wanted) / wanted).sum(axis=1).ravel()
    return made


def _z(first: Floats, second: Floats) -> float:
    """The difference of two means over its standard error."""
    if min(first.size, second.size) < FEWEST:
        return 0.0
    error = math.sqrt(float(first.var()) / first.size + float(second.var()) / second.size)
    return (float(first.mean()) - float(second.mean())) / max(error, 1e-9)
