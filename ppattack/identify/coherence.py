"""Do the blocks of an image agree in the sign of something, as those of a photograph do?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ppattack.identify.sample import Floats


@dataclass(frozen=True)
class Agreement:
    """How much the blocks of images agree.

    Args:
        value: 0 if signs are independent and fair, 1 if all blocks of an image are equal.
        error: standard deviation of the value under independent signs.
        opposed: z of the most negative correlation of two places over images, corrected for the
            number of pairs; 0 if it was not computed.
        lean: how much likelier independent signs are than blocks that agree, -1 to 1.
    """

    value: float
    error: float
    opposed: float
    lean: float


OPPOSED = -4.0
"""z of two places that disagree over the files, under one key for all that changes signs."""
ALIKE = 0.2
"""z that the most opposed places have at least, if no sign is changed and there are 8 files."""
FEWEST_FILES = 8
"""Files from which on places are compared over files."""
DISAGREE = 0.15
"""Share of photographs whose blocks do not agree."""
EVIDENCE = 4.0
"""Log likelihood ratio that counts three quarters of an answer."""
ERRORS = 3.5
"""Standard errors above independent signs at which blocks agree."""
FEW_ERRORS = 3.5
"""So many more for one file: squared sums have a long tail, which a mean over files has not."""
SETTLED = 20
"""Files from which on the agreement of photographs has its lower bound."""


def independent(measured: Agreement, count: int, least: float) -> bool | None:
    """Whether signs are independent, so that the key changes them; None if undecided.

    Args:
        measured: the agreement.
        count: files.
        least: the agreement that photographs have at least, over ``SETTLED`` files.
    """
    if measured.opposed < OPPOSED:
        return True
    # One key for all files makes them agree by chance as often as a single file does.
    if measured.value > (ERRORS + FEW_ERRORS) * measured.error * math.sqrt(count):
        return False
    if measured.value + 2 * measured.error < least * min(1.0, count / SETTLED):
        return True
    errors = (ERRORS + FEW_ERRORS / count) * measured.error
    agrees = measured.value > max(errors, least * 0.6 if count >= SETTLED else 0)
    if agrees and (count < FEWEST_FILES or measured.opposed > ALIKE):
        return False
    return None


PLACES_COMPARED = 64
"""Blocks whose pairs are compared over images, at most."""


def agreement(features: Floats) -> Agreement:
    """The agreement of block features whose sign, or direction, a key changes.

    Under independent fair signs ``|sum v|² / sum |v|²`` is 1 on average, and the number of blocks M
    if all are equal: it is scaled to 0 and 1.

    Args:
        features: ``(N, M, d)``, M of 2 or more.
    """
    _, number, depth = features.shape
    power = np.square(features).sum(axis=(1, 2))
    total = np.square(features.sum(axis=1)).sum(axis=1)
    kept = power > 1e-6 * max(float(power.max()), 1e-9)
    ratio = total[kept] / power[kept]
    value = float(((ratio - 1) / (number - 1)).mean()) if kept.any() else 0.0
    # Squares of a sum of many fair signs are chi-squared with d degrees of freedom over d.
    error = math.sqrt(2 / depth / max(int(kept.sum()), 1)) / (number - 1) * (1 - 1 / number)
    lean = math.tanh(log_ratio(ratio, number, depth) / EVIDENCE)
    return Agreement(value, error, _most_opposed(features), lean)


def log_ratio(ratios: np.ndarray, number: int, depth: int) -> float:
    """Log likelihood ratio of independent signs against blocks that agree.

    Independent signs make the ratio chi-squared over its degrees of freedom (1 for numbers, 2 for
    the directions of a plane); blocks of photographs that agree make it anything up to their
    number, and now and then small.
    """
    ratios = np.maximum(ratios, 1e-3)
    if depth == 1:
        independent = np.exp(-ratios / 2) / np.sqrt(2 * np.pi * ratios)
    else:
        independent = np.exp(-ratios)
    agreeing = DISAGREE * independent + (1 - DISAGREE) / number
    return float(np.log((independent + 1e-6) / (agreeing + 1e-6)).sum())


def _most_opposed(features: Floats) -> float:
    """The most negative z of a pair of places over images, one key for all would make some."""
    count, number, depth = features.shape
    if count < FEWEST_FILES:
        return 0.0
    kept = np.linspace(0, number - 1, min(number, PLACES_COMPARED)).astype(int)
    rows = features[:, kept]
    rows = rows / np.sqrt(np.square(rows).mean(axis=(0, 2), keepdims=True) + 1e-9)
    products = np.einsum("nad,nbd->nab", rows, rows) / depth
    mean = products.mean(axis=0)
    error = products.std(axis=0) / math.sqrt(count) + 1e-9
    z = (mean / error)[np.triu_indices(len(kept), 1)]
    return float(z.min()) + math.sqrt(2 * math.log(max(len(z), 1)))
