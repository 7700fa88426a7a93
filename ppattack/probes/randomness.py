"""Whether ciphertexts of natural images look like uniform bytes."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding
from ppattack.seeding import torch_stream
from ppattack.target.natural_noise import natural_images

BYTES = 1 << 15
"""Bytes to count, so that 128 are expected of each value."""
MOST = 4096
"""Images, at most: those of a pixel or two would be many."""
BAR = 2.0


def randomness(box: Box) -> Finding:
    """Entropy and chi-square of the bytes of all ciphertexts together.

    Statistic: chi-square per degree of freedom, 1 for uniform bytes. Pads and chained masks have
    at most 1.3 here, permutations and substitutions 10 and more, so the bar is 2. Uniform bytes
    are no proof of strength: an exclusive-or mask gives them too.
    """
    count = min(MOST, -(-BYTES // int(np.prod(box.shape))))
    generator = torch_stream(int(box.stream("randomness").integers(1 << 62)))
    images = natural_images(generator, (count, *box.shape)).numpy()
    cipher = box(images.reshape(count, -1))
    counts = np.bincount(cipher.ravel(), minlength=256).astype(float)
    share = counts[counts > 0] / counts.sum()
    entropy = float(-(share * np.log2(share)).sum())
    value = chi_square(cipher)
    uniform = value < BAR
    words = f"{entropy:.2f} bits of entropy per byte, chi-square {value:.1f} per degree: "
    words += "uniform to the eye" if uniform else "levels are not uniform"
    facts = {"entropy": round(entropy, 4)}
    return Finding("uniform-bytes", uniform, words, round(value, 3), BAR, facts)


def chi_square(rows: Rows) -> float:
    """Chi-square per degree of freedom of all bytes together; 1 if they are uniform."""
    counts = np.bincount(rows.ravel(), minlength=256).astype(float)
    expected = rows.size / 256
    return float(((counts - expected) ** 2).sum() / expected / 255)
