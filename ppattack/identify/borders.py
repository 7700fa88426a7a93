"""Which borders of the blocks of an image fit each other, however the blocks lie.

Of every two blocks, each side of the one is laid against each side of the other, in both
directions, and against its complement. Sides that touched in the photograph have small steps.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from ppattack.identify.sample import Floats

RIGHT, LEFT, BELOW, ABOVE, SIDES = 3, 2, 1, 0, 4
"""Numbers of the sides of a block."""
AS_IT_LIES = 0
"""Number of the way to lay sides together in one direction, not complemented."""
WAYS = 4
ROWS, COLUMNS = 2, 2
SEAMS = 4
"""Sums that are looked at for each block: about two borders a block, each met from both sides."""
FEWEST_DRAWS, DRAWS, WORK = 219, 399, 4e7


def border_steps(values: Floats, block: int) -> Floats:
    """``log`` of the mean squared step between sides of blocks.

    Args:
        values: ``(N, C, H, W)``, less their middle; channels are averaged, so that their order
            does not matter.
        block: edge of a block; M of them make an image.

    Returns:
        ``(N, M, M, 4, 4, 4)``: file, two blocks, the side of each, and the way (one direction or
        both reversed, plain or complemented).
    """
    grey = values.mean(axis=1)
    count, height, width = grey.shape
    cut = grey.reshape(count, height // block, block, width // block, block)
    cut = cut.transpose(0, 1, 3, 2, 4).reshape(count, -1, block, block)
    sides = np.stack([cut[:, :, 0], cut[:, :, -1], cut[..., 0], cut[..., -1]], axis=2)
    power = np.square(sides).mean(axis=3)
    both = power[:, :, None, :, None] + power[:, None, :, None, :]
    made = []
    for other in (sides, sides[..., ::-1]):
        flat = sides.reshape(count, -1, block)
        product = flat @ other.reshape(count, -1, block).transpose(0, 2, 1) / block
        product = product.reshape(count, len(cut[0]), SIDES, -1, SIDES).transpose(0, 1, 3, 2, 4)
        # One squared level keeps the logarithm of flat borders finite.
        made += [np.log(np.maximum(both - 2 * sign * product, 0) + 1) for sign in (1, -1)]
    return np.stack(made, axis=-1).astype(np.float32)


def fit_alike(steps: Floats) -> tuple[float, float]:
    """Whether the same borders fit in all files, as under one key: z, and p of keys of their own.

    Whatever a key does to the blocks besides, one of its own numbers them at random. So the null
    is exact: the blocks of each file numbered anew. Statistic: the sum over files of each step,
    less its mean over pairs of blocks and in units of its file; the mean of the least of them.

    Args:
        steps: see :func:`border_steps`.
    """
    count, blocks = steps.shape[:2]
    rows = steps.reshape(count, blocks, blocks, -1)
    pairs = ~np.eye(blocks, dtype=bool)
    rows = rows - rows[:, pairs].mean(axis=1)[:, None, None]
    rows = rows / (np.sqrt(np.square(rows[:, pairs]).mean(axis=(1, 2))) + 1e-6)[:, None, None, None]
    kept = SEAMS * blocks

    def least(numbered: Floats) -> float:
        sums = numbered.sum(axis=0)[pairs].ravel()
        return -float(np.partition(sums, kept - 1)[:kept].mean())

    rng = np.random.default_rng(0)
    value = least(rows)
    files = np.arange(count)[:, None, None]
    drawn = np.empty(int(np.clip(WORK // rows.size, FEWEST_DRAWS, DRAWS)))
    for i in range(len(drawn)):
        order = rng.permuted(np.tile(np.arange(blocks), (count, 1)), axis=1)
        drawn[i] = least(rows[files, order[:, :, None], order[:, None]])
    z = (value - drawn.mean()) / max(float(drawn.std()), 1e-6)
    return float(z), float((1 + (drawn >= value).sum()) / (1 + len(drawn)))


def best_as_they_lie(steps: Floats) -> bool:
    """Whether no other order of the four blocks of one image has smaller steps between them.

    Args:
        steps: ``(1, 4, 4, 4, 4, 4)``, see :func:`border_steps`.
    """
    across, down = steps[0, :, :, RIGHT, LEFT, AS_IT_LIES], steps[0, :, :, BELOW, ABOVE, AS_IT_LIES]
    totals = [
        float(across[a, b] + across[c, d] + down[a, c] + down[b, d])
        for a, b, c, d in permutations(range(ROWS * COLUMNS))
    ]
    return totals[0] <= min(totals)
