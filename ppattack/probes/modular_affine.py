"""Whether a cipher is affine modulo 256: sums of bytes, and nothing else, mix them."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding
from ppattack.probes.xor_affine import HIGHEST, TRIPLES


def modular_affine(box: Box) -> Finding:
    """``E(a) + E(b) - E(c) == E(a + b - c)`` modulo 256 on images as for exclusive-or.

    Statistic: the share of bytes where it holds. An affine cipher has all of them; measured at
    most .39 elsewhere (exclusive-or with a mask agrees where no carry arises).
    """
    drawn = box.stream("sums").integers(0, 256, (3, TRIPLES, int(np.prod(box.shape))), np.uint8)
    a, b, c = drawn & HIGHEST[..., None]
    answers = box(np.concatenate([a, b, c, a + b - c]))
    first, second, third, fourth = np.split(answers, 4)
    value = float((first + second - third == fourth).mean())
    words = "sums of images are sums of ciphertexts modulo 256: affine modulo 256"
    if value < 1:
        words = "not affine modulo 256"
    return Finding("modular-affine", value == 1, words, round(value, 4), 1.0)
