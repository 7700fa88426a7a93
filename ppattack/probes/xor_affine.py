"""Whether a cipher is affine over GF(2): exclusive-or of bits, and nothing else, mixes them."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding

TRIPLES = 4


def xor_affine(box: Box) -> Finding:
    """``E(a) ^ E(b) ^ E(c) == E(a ^ b ^ c)`` on uniform images.

    Statistic: the share of bytes where it holds. An affine cipher has all of them; measured at
    most .015 elsewhere (seven home-made ciphers, 20 keys each), by chance 1/256.
    """
    a, b, c = box.stream("xor").integers(0, 256, (3, TRIPLES, int(np.prod(box.shape))), np.uint8)
    answers = box(np.concatenate([a, b, c, a ^ b ^ c]))
    first, second, third, fourth = np.split(answers, 4)
    value = float((first ^ second ^ third == fourth).mean())
    words = "exclusive-or of images is exclusive-or of ciphertexts: affine over GF(2)"
    if value < 1:
        words = "not affine over GF(2)"
    return Finding("xor-affine", value == 1, words, round(value, 4), 1.0)
