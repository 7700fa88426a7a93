"""Whether ciphertexts are noise whatever the image is, one of a single colour included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding
from ppattack.probes.randomness import chi_square
from ppattack.seeding import torch_stream
from ppattack.target.natural_noise import natural_images

BYTES = 1 << 15
"""Bytes of each kind of image, so that 128 are expected of every level."""
FEWEST, MOST = 16, 128
"""Images of each kind."""
BAR = 8.0
"""Energy of correlations at any distance: 1 on average under noise, where the largest of 3,072
distances had at most 5.1 (16 images) in 1,000 sets of uniform bytes; a tenth of the correlation of
neighbouring pixels has 30, a keystream that comes again within an image has 3,072."""
LEVELS_BAR = 2.0
"""Chi-square per degree of freedom, as of ``uniform-bytes``."""


def noise(box: Box) -> Finding:
    """Images of one colour and images like photographs: their ciphertexts are uniform bytes.

    Statistic: the largest energy of the correlation of bytes at any distance, in memory order or
    by pixels. Only exclusive-or or a sum with fresh or unrelated bytes passes: what moves, looks up
    or multiplies bytes leaves levels or repetitions of an image that has one colour. It says
    nothing of a deterministic cipher: a keystream that is used again passes too.
    """
    size = int(np.prod(box.shape))
    count = min(MOST, max(FEWEST, -(-BYTES // size)))
    rng = box.stream("noise")
    colours = rng.integers(0, 256, (count, box.shape[0], 1), np.uint8)
    colours[0], colours[1] = 0, 255
    flat = np.repeat(colours, size // box.shape[0], axis=2)
    generator = torch_stream(int(rng.integers(1 << 62)))
    natural = natural_images(generator, (count, *box.shape)).numpy()
    most, levels = 0.0, 0.0
    for images in (flat, natural):
        made = box(np.ascontiguousarray(images).reshape(count, -1))
        pixels = made.reshape(count, box.cipher_shape[0], -1).swapaxes(1, 2).reshape(count, -1)
        most = max(most, energy(made), energy(pixels))
        levels = max(levels, chi_square(made))
    holds = most < BAR and levels < LEVELS_BAR
    words = "ciphertexts are noise, even of images of one colour"
    if not holds:
        words = "ciphertexts show when images have one colour, or smooth ones"
    facts = {"chi_square": round(levels, 3)}
    return Finding("noise", holds, words, round(most, 3), BAR, facts)


def energy(rows: Rows) -> float:
    """The largest squared correlation of bytes at one distance, times their number.

    Args:
        rows: ``(N, T)`` uint8; the mean over rows is taken, distances go round. A single byte has
            no distance, and 0.
    """
    if rows.shape[1] < 2:
        return 0.0
    values = rows.astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(values, axis=1)) ** 2
    products: NDArray[np.float64] = np.fft.irfft(spectrum, rows.shape[1], axis=1)
    variance = np.maximum(products[:, :1], 1e-9)
    correlation = products[:, 1 : rows.shape[1] // 2 + 1] / variance
    constant = values.any(axis=1) == 0
    correlation[constant] = 1.0
    return float((correlation**2).mean(axis=0).max() * rows.shape[1])
