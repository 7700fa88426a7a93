"""Whether a cipher is affine over the real numbers, as far as rounding lets it be."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding

TRIPLES = 4
LOW, HIGH = 108, 148
"""Levels of the three images; the fourth then has 68 to 188, so that little is clipped."""
TOLERANCE = 3
"""Levels: three answers are rounded by half a level each, and the fourth too."""
SHARE = 0.99
SPREAD = 3.0
"""Standard deviation that answers must have: those that are all alike agree with anything."""


def real_affine(box: Box) -> Finding:
    """``E(a) + E(b) - E(c)`` is ``E(a + b - c)`` to three levels, on images of middle grey.

    Statistic: the share of bytes where it holds. Measured 1.0 for orthogonal matrices, DCT signs
    and permutations, at most .65 elsewhere; the bar is .99, for what is clipped.
    """
    size = int(np.prod(box.shape))
    a, b, c = box.stream("reals").integers(LOW, HIGH + 1, (3, TRIPLES, size))
    answers = box(np.concatenate([a, b, c, a + b - c]).astype(np.uint8)).astype(np.int16)
    first, second, third, fourth = np.split(answers, 4)
    value = float((np.abs(first + second - third - fourth) <= TOLERANCE).mean())
    holds = bool(value >= SHARE and answers.std() > SPREAD)
    words = "sums of images are sums of ciphertexts: affine over the reals"
    if not holds:
        words = "not affine over the reals"
    return Finding("real-affine", holds, words, round(value, 4), SHARE)
