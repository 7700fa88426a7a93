"""How much larger the steps across the edges of a grid are than those beside them."""

from __future__ import annotations

import numpy as np

from ppattack.identify.sample import Floats

PRIMES = (2, 3, 5, 7)
BESIDE = 4
"""Steps to each side of a seam with which it is compared, at most half a block."""


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
