"""Which places of a block passed the table: those above all levels, or unlike their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.solvers.substitution.neighbours import (
    Floats,
    Neighbours,
    Prediction,
    log_t3,
)

Numbers = NDArray[np.int64]
NUMBERS = 1000
"""A level is enciphered as a number below this one."""
LEVELS = 256
INTEGRAL = 2e-4
"""How far from whole a number below 1,000 can be for the rounding of float32, three times over."""

MOST_OFF = 0.25
"""By how much the share of places that seem masked may differ from a half."""


def whole_numbers(ciphertexts: Floats) -> tuple[Numbers, int] | None:
    """The numbers before they were divided by their scale, and the scale; None if there is none.

    Multiples of a scale do as well; it is the largest of 256 numbers below 1,000, so near that.

    Args:
        ciphertexts: ``(N, S)``, all of one scale, at most 1; or whole numbers, of scale 1.
    """
    values = np.unique(ciphertexts.astype(np.float64))
    if not np.isfinite(values).all() or values[0] < 0:
        return None
    for scale in range(1, NUMBERS):
        scaled = values * scale
        if scaled[-1] > NUMBERS - 0.5:
            return None
        if np.abs(scaled - scaled.round()).max() < INTEGRAL:
            largest = scale if values[-1] > 1 else (NUMBERS - 1) // scale * scale
            return (ciphertexts.astype(np.float64) * largest).round().astype(np.int64), largest
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
    values = np.minimum(numbers, LEVELS).astype(np.float32)
    clear, evidence = possible.copy(), np.full(len(possible), -np.inf)
    while clear.any():
        told = neighbours.predict(values, clear[place], shape)
        evidence = _evidence(told, numbers, place)
        unfit = np.flatnonzero(clear & (evidence < 0))
        if not len(unfit):
            break
        worst = unfit[np.argsort(evidence[unfit])]  # half at a time: they spoil their neighbours
        clear[worst[: -(-len(unfit) // 2)]] = False
    return evidence


def half(evidence: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """The masked places ``(D,)``: half of all, or one less; None if these cannot be half."""
    count, most = int((evidence < 0).sum()), len(evidence) // 2
    if np.isinf(evidence).sum() > most or abs(count / len(evidence) - 0.5) > MOST_OFF:
        return None
    order = np.argsort(evidence, kind="stable")
    chosen = np.zeros(len(evidence), bool)
    chosen[order[: min(max(count, most - 1), most)]] = True
    return chosen


def _evidence(told: Prediction, numbers: Numbers, place: NDArray[np.intp]) -> NDArray[np.float64]:
    """The evidence of each place, from what neighbours say of every byte."""
    values = np.minimum(numbers, LEVELS)
    likely = log_t3((values - told.values) / told.scales) + np.log(NUMBERS / told.scales)
    each = (place * (LEVELS + 1) + values).reshape(-1)
    length = (place.max() + 1) * (LEVELS + 1)
    total = np.bincount(each, likely.reshape(-1), length)
    mean = total / np.maximum(np.bincount(each, minlength=length), 1)
    evidence = mean.reshape(-1, LEVELS + 1).sum(1)
    evidence[place[(numbers >= LEVELS).any(0)]] = -np.inf
    return np.asarray(evidence)
