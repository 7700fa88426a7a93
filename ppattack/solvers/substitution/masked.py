"""Which places of a block passed the table: those above all levels, or unlike their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.solvers.substitution.neighbours import Floats, Neighbours, log_t3

Numbers = NDArray[np.int64]
NUMBERS = 1000
"""A level is enciphered as a number below this one."""
LEVELS = 256
INTEGRAL = 2e-3
"""How far the rounding of float32 can bring a number from a whole one, with room to spare."""


def whole_numbers(ciphertexts: Floats) -> tuple[Numbers, int] | None:
    """The numbers before they were divided by their scale, and the scale; None if there is none.

    Args:
        ciphertexts: ``(N, S)``, all of one scale.
    """
    values = np.unique(ciphertexts.astype(np.float64))
    if not np.isfinite(values).all() or values[0] < 0:
        return None
    for scale in range(1, NUMBERS):
        scaled = values * scale
        if scaled[-1] > NUMBERS - 0.5:
            return None
        if np.abs(scaled - scaled.round()).max() < INTEGRAL:
            return (ciphertexts.astype(np.float64) * scale).round().astype(np.int64), scale
    return None


def evidence_of_clear(
    numbers: Numbers, place: NDArray[np.intp], shape: ImageShape, neighbours: Neighbours
) -> NDArray[np.float64]:
    """Evidence that each place of a block is in the clear, in nats; negative: that it is masked.

    A clear byte is like its clear neighbours, a masked one any of 1,000 numbers. A number that
    comes again at a place counts once, since a table gives it again.

    Args:
        numbers: ``(N, S)``.
        place: ``(S,)``, the place of each byte in its block.
        shape: ``(C, H, W)``, of S bytes.
        neighbours: of public images.

    Returns:
        ``(D,)``; minus infinity for places that hold a number that is no level.
    """
    possible = np.ones(place.max() + 1, bool)
    possible[place[(numbers >= LEVELS).any(0)]] = False
    clear, evidence = possible.copy(), np.full(len(possible), -np.inf)
    while clear.any():
        evidence = _evidence(numbers, place, shape, neighbours, clear)
        unfit = np.flatnonzero(clear & (evidence < 0))
        if not len(unfit):
            break
        worst = unfit[np.argsort(evidence[unfit])]  # half at a time: they spoil their neighbours
        clear[worst[: -(-len(unfit) // 2)]] = False
    return np.where(possible & clear.any(), evidence, -np.inf)


def _evidence(
    numbers: Numbers,
    place: NDArray[np.intp],
    shape: ImageShape,
    neighbours: Neighbours,
    clear: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """The evidence of each place if those said to be clear are."""
    values = np.minimum(numbers, LEVELS)
    told = neighbours.predict(values.astype(np.float32), clear[place], shape)
    likely = log_t3((values - told.values) / told.scales) + np.log(NUMBERS / told.scales)
    each = (place * (LEVELS + 1) + values).reshape(-1)
    length = (place.max() + 1) * (LEVELS + 1)
    total = np.bincount(each, likely.reshape(-1), length)
    mean = total / np.maximum(np.bincount(each, minlength=length), 1)
    return np.asarray(mean.reshape(-1, LEVELS + 1).sum(1))
