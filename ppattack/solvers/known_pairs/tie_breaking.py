"""Tell apart, by ciphertexts, symbols that known pairs cannot: neighbours are alike.

Two neighbouring pixels can have the same value in every known image. Over the many ciphertexts
whose images are not known they differ, and each is nearer to the neighbours of its own place.
:func:`roughness` says how alike all neighbours are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack import images as image_ops
from ppattack.permxor import PermXor
from ppattack.solvers.known_pairs.symbols import LEVELS, as_symbols, padded

Numbers = NDArray[np.integer]
Values = NDArray[np.float32]
ROUNDS = 8
"""Ties broken at most, small ones before large ones; each result counts at once for the next."""


def roughness(images: Tensor) -> float:
    """How rough images are: the mean squared difference of neighbouring pixels, in squared levels.

    It tells a decrypted photograph from noise. Neighbours are those down and across.

    Args:
        images: ``(N, C, H, W)`` uint8; a direction with a single row or column is left out.

    Returns:
        0.0 for constant images and for single pixels.
    """
    values = image_ops.check(images).float()
    steps = [values.diff(dim=2), values.diff(dim=3)]
    count = sum(step.numel() for step in steps)
    return float(sum(float(step.square().sum()) for step in steps) / max(count, 1))


def break_ties(
    key: PermXor,
    ties: Sequence[Numbers],
    known: tuple[Tensor, Tensor],
    ciphertexts: Tensor,
) -> PermXor:
    """The key with the sources of tied symbols exchanged so that neighbours agree best.

    Args:
        key: one table, whose mask complements whole symbols or nothing.
        ties: sets of ciphertext symbols that could exchange their sources.
        known: one plain image and its ciphertext, ``(1, C, H, W)`` uint8, which tell the
            complements; the plain one may be smaller by its padding.
        ciphertexts: ``(N, C, H, W)`` uint8 under the key; with none the key stays as it is.
    """
    if not ties or not len(ciphertexts):
        return key
    top = LEVELS[key.unit] - 1
    plain = as_symbols(padded(*known), key.unit)[0]
    cipher = as_symbols(known[1], key.unit)[0]
    index = key.index.astype(np.int64)
    neighbours, inside = _neighbours(len(index), known[1].shape[2], known[1].shape[3])
    unsure = np.zeros(len(index), np.bool_)
    unsure[index[np.concatenate(ties)]] = True
    centred = as_symbols(ciphertexts, key.unit).T.astype(np.float32) - np.float32(top / 2)
    values = np.empty_like(centred)  # (S, N), as the key decrypts them
    values[index] = centred * _complements(plain[index], cipher, top)[:, None]
    for _ in range(ROUNDS):
        before = index.copy()
        for tied in sorted(ties, key=len):
            places = index[tied]
            unsure[places] = True  # a tied neighbour would support whatever is in its place
            near = neighbours[places]
            weights = inside[places] * ~unsure[near]
            unsure[places] = False
            expected = np.einsum("kjn,kj->kn", values[near], weights)
            expected /= weights.sum(1, keepdims=True).clip(1)
            signs = _complements(plain[places][None], cipher[tied][:, None], top)
            own = centred[tied]
            rows, columns = linear_sum_assignment(own @ expected.T * signs, maximize=True)
            index[tied[rows]] = places[columns]
            values[places[columns]] = own[rows] * signs[rows, columns, None]
        if np.array_equal(index, before):
            break
    complemented = _complements(plain[index], cipher, top) < 0
    return PermXor(index, complemented * np.uint8(top), key.unit)


def _complements(
    plain: NDArray[np.uint8], cipher: NDArray[np.uint8], top: int
) -> NDArray[np.float32]:
    """-1 if one lies in the upper half of the range and the other in the lower, else 1."""
    return np.where((plain ^ cipher) > top // 2, np.float32(-1), np.float32(1))


def _neighbours(symbols: int, height: int, width: int) -> tuple[Numbers, Values]:
    """``(S, 4)`` the symbols around each one in its plane, and 1 if there is one, else 0."""
    plane, pixel = np.divmod(np.arange(symbols)[:, None], height * width)
    row, column = np.divmod(pixel, width)
    down, across = row + np.array([-1, 1, 0, 0]), column + np.array([0, 0, -1, 1])
    inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    numbers = (plane * height + down) * width + across
    return np.where(inside, numbers, 0), inside.astype(np.float32)
