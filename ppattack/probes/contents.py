"""What a cipher keeps of an image's contents: its levels, how often levels are equal, its bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding

IMAGES = 8


def contents(box: Box) -> Finding:
    """The histogram, the sorted histogram and the number of ones, image against ciphertext.

    Statistic: the share of images that keep the strongest of them. Images have few levels, so that
    a histogram is kept by a permutation of bytes only, a sorted one by a substitution too, a
    number of ones by a permutation of bits. Others kept none in 20 images each.
    """
    rng = box.stream("contents")
    levels = rng.integers(0, 256, (IMAGES, 40), np.uint8)
    size = int(np.prod(box.shape))
    chosen = (rng.beta(0.8, 1.6, (IMAGES, size)) * 40).astype(np.intp)
    plain: Rows = np.take_along_axis(levels, chosen, axis=1)
    cipher = box(plain)
    before, after = _histograms(plain), _histograms(cipher)
    kept = {
        "histogram": float((before == after).all(axis=1).mean()),
        "sorted histogram": float((np.sort(before) == np.sort(after)).all(axis=1).mean()),
        "ones": float((_ones(plain) == _ones(cipher)).mean()),
    }
    whole = [name for name, share in kept.items() if share == 1]
    sentences = {
        "histogram": "every ciphertext has the levels of its image, in other places at most",
        "sorted histogram": "equal bytes stay equal bytes, as under one table for all bytes",
        "ones": "every ciphertext has as many ones as its image",
    }
    words = sentences[whole[0]] if whole else "nothing of an image's histogram is kept"
    return Finding("contents", bool(whole), words, max(kept.values()), 1.0, {"kept": whole})


def _histograms(rows: Rows) -> NDArray[np.int64]:
    return np.stack([np.bincount(row, minlength=256) for row in rows])


def _ones(rows: Rows) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.unpackbits(rows, axis=1).sum(axis=1, dtype=np.int64)
    return found
