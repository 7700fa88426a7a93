"""How much likelier two borders of blocks touched in the photograph than that they did not.

Where they touched, what the one leads to begins in the other: both, carried on by half a step, are
alike, and so are the differences along them; the more so, the calmer the blocks are there. The log
odds are linear in the logarithms of five such squares. Their weights are those of a logistic
regression on borders that touch against random ones, turned, complemented and recoloured at random
(``benchmarks/identify_borders.py``, training images of 32 px; on others it ranks a touching border
above a random one in 97.1, 98.2 and 99.1 % of cases, for blocks of 4, 8 and 16 px).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.blocks import split
from ppattack.identify.sample import Floats

Rows = NDArray[np.floating[Any]]

SMALLEST = 4
"""Pixels along the smallest block: smaller ones have no inside to carry on."""
WEIGHTS: dict[int, tuple[float, ...]] = {
    4: (6.02, -1.94, -0.494, 0.530, 0.327, 0.097),
    8: (8.88, -2.93, -0.320, 0.664, 0.364, 0.212),
    16: (8.05, -3.77, -1.17, 0.886, 0.858, 0.483),
}
"""By the edge of a block: constant, across, along, and of each side step inwards, steps along,
variance."""
ABOVE, BELOW, LEFT, RIGHT = 0, 1, 2, 3
WAYS = 4
"""Ways to lay sides together: one direction or both, as they are or one complemented."""
OPPOSITE = np.array([BELOW, ABOVE, RIGHT, LEFT])
ORDERS = tuple(permutations(range(3)))
"""Colour orders; the first keeps them."""
LEAST_ODDS, MOST_ODDS = -30.0, 12.0
"""No single border says more."""
QUERIES, WORK = 256, 4_000_000
"""Sides that are looked at, at most, and pairs of sides, spread over all."""
FEW_BLOCKS = 4
"""Blocks of which every order is tried, at most."""


@dataclass(frozen=True)
class Borders:
    """The sides of the blocks of an image: above, below, left and right.

    Args:
        outward: ``(M, 4, C, b)``, the outermost values, carried on by half a step.
        along: ``(M, 4, C, b - 1)``, differences along the side.
        own: ``(M, 4)``, what a side adds to the log odds whatever it touches.
        weights: of the constant, of ``outward`` and of ``along``.
    """

    outward: Rows
    along: Rows
    own: Rows
    weights: tuple[float, float, float]


def borders_of(image: Floats, block: int) -> Borders:
    """The sides of blocks of ``SMALLEST`` pixels or more.

    Args:
        image: ``(C, H, W)``, less its middle.
        block: edge of a block.
    """
    cut = split(image, block)
    outer = np.stack([cut[:, :, 0], cut[:, :, -1], cut[..., 0], cut[..., -1]], axis=1)
    inner = np.stack([cut[:, :, 1], cut[:, :, -2], cut[..., 1], cut[..., -2]], axis=1)
    constant, across, beside, inward, steps, spread = WEIGHTS[max(b for b in WEIGHTS if b <= block)]
    along = np.diff(outer, axis=3)
    own = (
        inward * _log(np.square(outer - inner).mean(axis=(2, 3)))
        + steps * _log(np.square(along).mean(axis=(2, 3)))
        + spread * _log(outer.var(axis=(2, 3)))
    )
    outward = outer + (outer - inner) / 2
    return Borders(outward, along, own, (constant, across, beside))


def unaltered(image: Floats, block: int, queries: int = QUERIES) -> float:
    """Log likelihood ratio that blocks were moved only, against turned, complemented, recoloured.

    In a photograph whose blocks were only moved, a side touched the opposite side of another block,
    as both lie; else any side of any block in any state. Each side by itself: the mean odds over
    the one against the mean odds over the other. Half of the sum, as each border has two sides.

    Args:
        image: ``(C, H, W)``, less its middle.
        block: edge of a block, ``SMALLEST`` or more; at least two blocks make the image.
        queries: sides that are looked at, at most.
    """
    borders = borders_of(image, block)
    blocks = len(borders.own)
    orders = ORDERS if image.shape[0] == len(ORDERS[0]) else ((0,),)
    states = WAYS * len(orders)
    number = int(np.clip(WORK // (4 * blocks * states), 16, queries))
    sides = np.unique(np.linspace(0, 4 * blocks - 1, number).astype(int))
    others = np.arange(blocks)[None] != (sides // 4)[:, None]
    kept = np.zeros(len(sides))
    every = np.zeros(len(sides))
    for order in orders:
        for backwards in (False, True):
            for negative, odds in enumerate(_odds(borders, sides, order, backwards)):
                odds = np.where(others[:, :, None], odds, 0)
                every += odds.sum(axis=(1, 2))
                if order == orders[0] and not (backwards or negative):
                    opposite = OPPOSITE[sides % 4][:, None, None]
                    kept = np.take_along_axis(odds, opposite, axis=2).sum(axis=(1, 2))
    free = (image.shape[1] + image.shape[2]) / (2 * block * blocks)
    kept, every = kept / (blocks - 1), every / (4 * (blocks - 1) * states)
    ratios = np.log((free + (1 - free) * kept) / (free + (1 - free) * every))
    return float(ratios.sum()) / 2


def _odds(
    borders: Borders, sides: np.ndarray, order: tuple[int, ...], backwards: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Odds that sides touched any other one of that colour order and direction, ``(Q, M, 4)``.

    Returns:
        as it is, and complemented.
    """
    constant, *weights = borders.weights
    blocks = len(borders.own)
    squares, products = [], []
    for rows, sign in ((borders.outward, 1), (borders.along, -1)):
        flat = rows.reshape(4 * blocks, -1)
        other = rows[:, :, list(order)]
        other = sign * other[..., ::-1] if backwards else other
        power = np.square(flat).mean(axis=1)
        squares.append(power[sides, None] + power[None])
        products.append(2 * flat[sides] @ other.reshape(4 * blocks, -1).T / flat.shape[1])
    own = borders.own.ravel()
    base = constant + own[sides, None] + own[None]
    made = []
    for sign in (1, -1):
        logs = base + sum(
            weight * _log(square - sign * product)
            for weight, square, product in zip(weights, squares, products, strict=True)
        )
        made.append(np.exp(np.clip(logs, LEAST_ODDS, MOST_ODDS)).reshape(len(sides), blocks, 4))
    return made[0], made[1]


def as_it_lies(image: Floats, block: int) -> float:
    """Log odds that blocks lie where they belong, against any other order or other changes.

    Args:
        image: ``(C, H, W)``, less its middle.
        block: edge of a block; ``FEW_BLOCKS`` at most make the image.
    """
    borders = borders_of(image, block)
    rows, columns = image.shape[1] // block, image.shape[2] // block
    one, two = np.indices((rows * columns,) * 2)
    across = _touching(borders, RIGHT, LEFT, one, two)
    down = _touching(borders, BELOW, ABOVE, one, two)
    totals = []
    for order in permutations(range(rows * columns)):
        lies = np.reshape(order, (rows, columns))
        totals.append(
            float(across[lies[:, :-1], lies[:, 1:]].sum() + down[lies[:-1], lies[1:]].sum())
        )
    first, *others = totals
    # Blocks that were changed besides fit no worse than by chance: odds of one.
    return first - float(np.logaddexp(np.logaddexp.reduce(others) - np.log(len(others)), 0))


def odds_as_they_lie(image: Floats, block: int) -> float:
    """Mean log odds that blocks that lie side by side touched; of a photograph above 1.

    Only seams at odd multiples of the block count: blocks of twice the edge keep the others.

    Args:
        image: ``(C, H, W)``, less its middle.
        block: edge of a block; at least two make the image.
    """
    borders = borders_of(image, block)
    lies = np.arange(len(borders.own)).reshape(image.shape[1] // block, image.shape[2] // block)
    across = _touching(borders, RIGHT, LEFT, lies[:, :-1:2], lies[:, 1::2])
    down = _touching(borders, BELOW, ABOVE, lies[:-1:2], lies[1::2])
    both = np.concatenate([across.ravel(), down.ravel()])
    return float(np.clip(both, -MOST_ODDS, MOST_ODDS).mean())


def _touching(
    borders: Borders, side: int, opposite: int, one: np.ndarray, two: np.ndarray
) -> np.ndarray:
    """Log odds that this side of some blocks touched that side of others, pair by pair."""
    constant, *weights = borders.weights
    made = constant + borders.own[one, side] + borders.own[two, opposite]
    for weight, rows in zip(weights, (borders.outward, borders.along), strict=True):
        steps = np.square(rows[one, side] - rows[two, opposite]).mean(axis=(-1, -2))
        made = made + weight * _log(steps)
    return np.asarray(made)


def _log(squares: np.ndarray) -> np.ndarray:
    """One squared level keeps the logarithm of flat borders finite."""
    return np.asarray(np.log(np.maximum(squares, 0) + 1))
