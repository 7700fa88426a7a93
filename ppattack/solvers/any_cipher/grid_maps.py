"""Places that follow a linear map of coordinates, as in Arnold's cat map, whatever its key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.solvers.any_cipher.fit import Numbers

FEWEST = 16
"""Bytes of a channel whose places must be certain, and of which every one must agree."""


def completed(
    index: Numbers, certain: NDArray[np.bool_], shape: ImageShape, cipher_shape: ImageShape
) -> Numbers | None:
    """All places, if those that are certain lie on a linear map modulo height and width.

    ``(y, x)`` of a byte of the ciphertext then comes from ``M (y, x) + t`` of one channel, for each
    channel with its own M and t. Iterated cat maps, shears and cyclic shifts are of this form.
    Reference: J. Fridrich, Symmetric Ciphers Based on Two-Dimensional Chaotic Maps, International
    Journal of Bifurcation and Chaos 8(6), 1998, doi:10.1142/S021812749800098X.

    Args:
        index: ``(S,)`` the plain byte of each ciphertext byte.
        certain: ``(S,)`` which of them are sure.
        shape: ``(C, H, W)`` of plain images.
        cipher_shape: likewise of ciphertexts.

    Returns:
        ``(S,)`` a permutation; None if there is no such map.
    """
    if shape != cipher_shape:
        return None
    channels, height, width = shape
    channel, pixel = np.divmod(index.reshape(channels, height, width), height * width)
    where = np.stack(np.divmod(pixel, width))  # (2, C, H, W)
    sure = certain.reshape(shape)
    made = np.empty(shape, np.int64)
    for number in range(channels):
        source = np.unique(channel[number][sure[number]])
        if len(source) != 1:
            return None
        found = _linear(where[:, number], sure[number])
        if found is None:
            return None
        made[number] = source[0] * height * width + found[0] * width + found[1]
    flat: Numbers = made.reshape(-1)
    return flat if np.array_equal(np.sort(flat), np.arange(flat.size)) else None


def _linear(where: Numbers, sure: NDArray[np.bool_]) -> Numbers | None:
    """``(2, H, W)`` the linear map on which all sure places ``(2, H, W)`` lie, or None."""
    moduli = np.array(where.shape[1:])[:, None]
    if sure.sum() < FEWEST:
        return None
    steps = []
    for first, second in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, :, :-1], np.s_[:, :, 1:]),
    ):
        both = (sure[None][first] & sure[None][second])[0]
        apart = (where[second] - where[first])[:, both] % moduli
        if not apart.shape[1] or (apart != apart[:, :1]).any():
            return None
        steps.append(apart[:, 0])
    down, across = np.indices(sure.shape)
    turned = steps[0][:, None, None] * down + steps[1][:, None, None] * across
    shift = (where - turned)[:, sure] % moduli
    if (shift != shift[:, :1]).any():
        return None
    found: Numbers = (turned + shift[:, :1, None]) % moduli[..., None]
    return found
