"""Are whole blocks put beside others, so that their edges show as seams?

A segment is the edge between two blocks that lie side by side. Statistic, for every block edge b
that fits: the mean over all segments of the logarithm of the squared step across the segment over
that of the next few steps to both sides of it. Of the edges at multiples of b only those count that
are no multiples of ``p b`` for a prime p, the least over p, so that a grid does not look like its
divisors. It does look like its multiples: the smallest b that passes is the answer. A photograph
has its local strong edges, but not along all segments of a grid.

Null: a photograph has -0.4 to 0.3 (the steps beside are farther from smooth areas), up to 0.7 with
the grid of JPEG, up to 1.1 if an image has only four segments. Photographs with moved blocks have 1
to 5. Inside, blocks must be smooth (see ``smooth``). Bars from training images
(``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties.smooth import growth, is_smooth
from ppattack.identify.sample import Floats, Sample, common_blocks

NAME = "block-edges"
LARGEST = 64
"""Pixels along the largest block that is tried."""
PRIMES = (2, 3, 5, 7)
BESIDE = 4
"""Steps to each side of a seam with which it is compared, at most half a block."""
BAR_SMALL, BAR_LARGE, BAR_FEW = 0.5, 0.8, 1.02
"""For blocks below 8 px, which JPEG does not imitate; for others; for few segments, and for the grid
of JPEG."""
JPEG_BLOCK = 8
FEW = 6
"""Segments that are few."""


def test(sample: Sample, found: Found) -> Finding:
    """The smallest block size whose edges are seams."""
    compressed = "jpeg" in found and found["jpeg"].holds
    values: dict[int, float] = {}
    bars: dict[int, float] = {}
    sizes = common_blocks(sample.edges, LARGEST)
    for block in sizes:
        values[block], segments = strength(sample.signed, block)
        if segments * sample.count < FEW or (compressed and not block % JPEG_BLOCK):
            bars[block] = BAR_FEW
        else:
            bars[block] = BAR_SMALL if block < JPEG_BLOCK else BAR_LARGE
    smooth = is_smooth(sample)
    passing = [block for block in sizes if values[block] > bars[block]] if smooth else []
    block = min(passing) if passing else max(sizes, key=lambda b: values[b] - bars[b], default=None)
    return Finding(
        NAME,
        "yes" if passing else "no",
        f"seams every {block} px" if passing else "no seams on a grid",
        statistic="mean logarithm of squared steps across seams over those beside",
        value=None if block is None else values[block],
        null="-0.4 to 0.3 without a grid, to 1.1 on four seams",
        bar=None if block is None else bars[block],
        what=block if passing else None,
        facts={
            "by block size": {b: round(value, 3) for b, value in values.items()},
            "growth": round(growth(sample.signed), 3),
        },
    )


def strength(values: Floats, block: int) -> tuple[float, int]:
    """The statistic for one block size, and how many segments an image has.

    Args:
        values: ``(N, C, H, W)``.
        block: edge of a block.
    """
    parts = [
        segment_logs(np.moveaxis(values, axis, 3), block)
        for axis in (3, 2)
        if values.shape[axis] >= 2 * block
    ]
    least = None
    for prime in PRIMES:
        kept = [logs[:, :, number % prime != 0] for logs, number in parts]
        kept = [logs for logs in kept if logs.size]
        if kept:
            value = float(np.concatenate([logs.ravel() for logs in kept]).mean())
            least = value if least is None else min(least, value)
    return least or 0.0, sum(logs[0].size for logs, _ in parts)


def segment_logs(values: Floats, block: int) -> tuple[Floats, np.ndarray]:
    """``log`` of the squared step across each vertical segment over those beside it.

    Args:
        values: ``(N, C, H, W)``.
        block: edge of a block.

    Returns:
        ``(N, H / b, W / b - 1)``, and the number of each seam from the left, from 1.
    """
    count, _, height, width = values.shape
    steps = np.square(values[..., 1:] - values[..., :-1]).mean(axis=1)
    rows = height // block
    steps = steps[:, : rows * block].reshape(count, rows, block, width - 1).mean(axis=2)
    at = np.arange(block, width, block) - 1
    reach = min(BESIDE, max(1, block // 2))
    beside = sum(
        steps[:, :, at - far] + steps[:, :, np.minimum(at + far, width - 2)]
        for far in range(1, reach + 1)
    ) / (2 * reach)
    # One squared level keeps the logarithm of flat areas finite.
    return np.log((steps[:, :, at] + 1) / (beside + 1)), (at + 1) // block
