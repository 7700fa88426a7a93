"""Do places of a block have counterparts in the block beside it, as at a seam of a photograph?

One key moves and complements the values of all blocks alike, so a place at the right side of a
block, wherever the key put it, is nearly equal to some place of the block to its right in all pairs
of neighbours, up to one sign. Blocks in another order have no such pairs of places. Their inner
products, which hold nothing of single places, tell less.
"""

from __future__ import annotations

import numpy as np

from ppattack.blocks import split
from ppattack.identify.sample import Floats

DRAWS = 99
"""Random orders of the blocks that the order as they lie is compared with."""
PLACES = 192
"""Places of a block that are compared, at most."""
FLOOR = 0.01
"""Share of their power by which two places count as different at least."""


def counterparts_z(image: Floats, block: int) -> float:
    """How much nearer the nearest counterparts are than in random order, standard deviations.

    Distance of two places: over pairs of neighbouring blocks, the sum of squared differences of
    their values, over that of their squares. The mean logarithm of the least distances of places to
    any place of the other block counts, of as many of them as lie at one side of a block.

    Args:
        image: ``(C, H, W)``.
        block: edge of a block; at least two blocks along both edges.
    """
    rows, columns = image.shape[1] // block, image.shape[2] // block
    values = split(image[:, : rows * block, : columns * block], block)
    values = values.reshape(rows * columns, -1)
    rng = np.random.default_rng(0)
    values = values[:, np.sort(rng.permutation(values.shape[1])[:PLACES])]
    values = _of_one_sign(values - values.mean(axis=0))
    lies = np.arange(rows * columns).reshape(rows, columns)
    kept = max(1, 2 * values.shape[1] // block)

    def nearness(order: np.ndarray) -> float:
        total = 0.0
        for one, two in ((lies[:, :-1], lies[:, 1:]), (lies[:-1], lies[1:])):
            far = _distances(values[order[one.ravel()]], values[order[two.ravel()]])
            least = np.concatenate([far.min(axis=0), far.min(axis=1)])
            nearest = np.partition(least, kept - 1)[:kept]
            total -= float(np.log(nearest + FLOOR).mean())
        return total

    drawn = np.array([nearness(rng.permutation(len(values))) for _ in range(DRAWS)])
    return float((nearness(np.arange(len(values))) - drawn.mean()) / (drawn.std() + 1e-9))


def _of_one_sign(values: Floats) -> Floats:
    """Places ``(M, D)`` that have most in common with others, not with their complements."""
    _, vectors = np.linalg.eigh(values @ values.T)
    return np.asarray(values * np.where(vectors[:, -1] @ values < 0, -1, 1), np.float32)


def _distances(first: Floats, second: Floats) -> Floats:
    """How far every two places of some pairs of blocks ``(P, D)`` are apart, 0 to 2."""
    # One squared level each keeps flat places from being equal to all.
    powers = [np.square(each).sum(axis=0) + len(each) for each in (first, second)]
    return np.asarray(1 - 2 * (first.T @ second) / (powers[0][:, None] + powers[1]))
