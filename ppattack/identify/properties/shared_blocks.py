"""Does one secret order, or one set of complements, apply inside every block of an image?

Blocks of edge b are cut into smaller windows. Under one key for all blocks, windows at the same
place within their blocks went through the same permutation and the same complements, so that their
inner products are large, and those of windows at different places are not. Statistic: the mean
squared inner product of windows of one image at equal places over that at unequal places; the least
over the prime divisors of b, so that neither half nor double the edge fits. Computed on half-bytes,
on bytes, on bytes less the mean of their window (an order without complements shows only there),
and on brightness (all that JPEG with halved colours leaves); the largest counts.

Null: 1, with a standard deviation of about 1.2 over the windows that an image has at a place and
over the root of the images. The bar is calibrated on training images
(``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import after_jpeg
from ppattack.identify.sample import Floats, Sample, common_blocks, primes_of

NAME = "shared-blocks"
WORDS = "one key in every block of {} px"
LARGEST = 32
"""Pixels along the largest block that is tried."""
DIMENSIONS = 96
"""Values of a window that are compared, at most: more cost time and add little."""
LEAST_RATIO = 1.3
SPREAD = 10.0
"""The bar is 1 + this over windows and root of images, if that is more: 8 standard deviations."""
IN_PLACE = 2.0
"""The bar is so many times farther from 1 if values are in place: only complements are left."""
FEWEST_WINDOWS = 4
"""Windows that an image must have at each place."""
IMAGES_AT_ONCE = 32


def test(sample: Sample, found: Found) -> Finding:
    """The largest block size at which equal places agree."""
    told = after_jpeg.of_content(found, NAME, "shared blocks", WORDS)
    if told is not None:
        return told
    ratios, bars = ratios_and_bars(sample)
    if found["in-place"].holds:
        bars = {block: 1 + IN_PLACE * (bar - 1) for block, bar in bars.items()}
    passing = [block for block, ratio in ratios.items() if ratio > bars[block]]
    best = max(passing) if passing else max(ratios, key=lambda b: ratios[b], default=None)
    if found["smooth"].holds:
        passing = []  # what is smooth inside is not shuffled, and may be alike by chance
    hidden = "jpeg" in found and found["jpeg"].holds and not found["smooth"].holds
    return Finding(
        NAME,
        "yes" if passing else "undecided" if hidden else "no",
        WORDS.format(best) if passing else "no key common to all blocks",
        statistic="squared products of windows at equal places of their blocks over unequal places",
        value=None if best is None else ratios[best],
        null="1 if blocks have no key, or each its own",
        bar=None if best is None else bars[best],
        what=best if passing else None,
        facts={"by block size": {block: round(ratio, 3) for block, ratio in ratios.items()}},
    )


def ratios_and_bars(sample: Sample) -> tuple[dict[int, float], dict[int, float]]:
    """The statistic and its bar for every block size that fits."""
    ratios: dict[int, float] = {}
    bars: dict[int, float] = {}
    for block in common_blocks(sample.edges, LARGEST):
        windows_at_place = math.prod(edge // block for edge in sample.edges)
        if windows_at_place >= FEWEST_WINDOWS:
            spread = SPREAD / (windows_at_place * math.sqrt(sample.count))
            bars[block] = max(LEAST_RATIO, 1 + spread)
            ratios[block] = strength(sample, block)
    return ratios, bars


def agrees(sample: Sample) -> bool:
    """Whether the statistic passes its bar for any block size."""
    ratios, bars = ratios_and_bars(sample)
    return any(ratio > bars[block] for block, ratio in ratios.items())


def strength(sample: Sample, block: int) -> float:
    """The statistic for one block size."""
    kinds = [(sample.nibbles, False), (sample.signed, False), (sample.signed, True)]
    if sample.images.shape[1] > 1:
        kinds.append((sample.brightness, False))
    largest = 0.0
    for planes, centred in kinds:
        least = math.inf
        for size in windows(block):
            if size * size * planes.shape[1] > 2:
                least = min(least, agreement(planes, block, size, centred=centred))
        largest = max(largest, 0.0 if math.isinf(least) else least)
    return largest


def windows(block: int) -> list[int]:
    """Edges of windows that tell blocks from their parts and multiples: one per prime divisor."""
    return [block // prime if prime < block else max(1, block // 2) for prime in primes_of(block)]


def agreement(planes: Floats, block: int, size: int, *, centred: bool) -> float:
    """Mean squared inner product of windows at equal places of a block over that at unequal ones.

    Args:
        planes: ``(N, P, H, W)``.
        block: edge of a block.
        size: edge of a window; what it leaves of the block is left out.
        centred: whether the mean of each window is taken off first.
    """
    equal = unequal = 0.0
    for start in range(0, len(planes), IMAGES_AT_ONCE):
        cut = _by_place(planes[start : start + IMAGES_AT_ONCE], block, size)
        if centred:
            cut = cut - cut.mean(axis=3, keepdims=True)
        number, places = cut.shape[2], len(cut)
        moments = np.matmul(cut.transpose(0, 1, 3, 2), cut)  # (places, N, D, D)
        within = float(np.square(moments).sum(dtype=np.float64))
        alone = float(np.square(np.einsum("pnwd,pnwd->pnw", cut, cut)).sum(dtype=np.float64))
        total = float(np.square(moments.sum(axis=0)).sum(dtype=np.float64))
        equal += (within - alone) / (places * number * (number - 1))
        unequal += (total - within) / (places * (places - 1) * number**2)
    return equal / unequal if unequal > 0 else 0.0


def _by_place(planes: Floats, block: int, size: int) -> Floats:
    """Windows by their place in the block, ``(places, N, blocks, D)``."""
    count, depth, height, width = planes.shape
    side, rows, columns = block // size, height // block, width // block
    cut = planes[:, :, : rows * block, : columns * block]
    cut = cut.reshape(count, depth, rows, block, columns, block)
    cut = cut[:, :, :, : side * size, :, : side * size]
    cut = cut.reshape(count, depth, rows, side, size, columns, side, size)
    cut = cut.transpose(3, 6, 0, 2, 5, 1, 4, 7).reshape(side**2, count, rows * columns, -1)
    if cut.shape[3] > DIMENSIONS:
        kept = np.random.default_rng(0).permutation(cut.shape[3])[:DIMENSIONS]
        cut = cut[..., kept]
    return cut
