"""Whether the same image always gives the same ciphertext."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding


def repeatability(box: Box) -> Finding:
    """Two images, each twice in one call and once alone, with other randomness each time.

    Statistic: the share of bytes that are the same in all answers to an image; a deterministic
    cipher has exactly 1, a keystream drawn anew 1/256 or less.
    """
    images = box.stream("repeatability").integers(0, 256, (2, int(np.prod(box.shape))), np.uint8)
    together = box(np.concatenate([images, images]))
    alone = np.concatenate([box(images[:1]), box(images[1:])])
    same = (together[:2] == together[2:]) & (together[:2] == alone)
    value = float(same.mean())
    words = "the same image gives the same ciphertext"
    if value < 1:
        words = "fresh randomness, or a fresh key, for every image: pairs say nothing of others"
        if np.array_equal(together, box(np.concatenate([images, images]))):
            words = "a ciphertext depends on the other images that are encrypted with it"
    return Finding("deterministic", value == 1, words, round(value, 4), 1.0)
