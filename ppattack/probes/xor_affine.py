"""Whether a cipher is affine over GF(2): exclusive-or of bits, and nothing else, mixes them."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding

TRIPLES = 4
HIGHEST = np.array([[255, 255, 255, 255], [255, 31, 63, 255], [255, 127, 31, 255]], np.uint8)
"""The highest levels in the images of each triple: a key can follow from the range of an image."""


def xor_affine(box: Box) -> Finding:
    """``E(a) ^ E(b) ^ E(c) == E(a ^ b ^ c)`` on random images of all levels, and of dark ones only.

    Statistic: the share of bytes where it holds. An affine cipher has all of them; measured at
    most .015 elsewhere (seven home-made ciphers, 20 keys each), by chance 1/256.
    """
    drawn = box.stream("xor").integers(0, 256, (3, TRIPLES, int(np.prod(box.shape))), np.uint8)
    a, b, c = drawn & HIGHEST[..., None]
    answers = box(np.concatenate([a, b, c, a ^ b ^ c]))
    first, second, third, fourth = np.split(answers, 4)
    value = float((first ^ second ^ third == fourth).mean())
    words = "exclusive-or of images is exclusive-or of ciphertexts: affine over GF(2)"
    if value < 1:
        words = "not affine over GF(2)"
    return Finding("xor-affine", value == 1, words, round(value, 4), 1.0)
