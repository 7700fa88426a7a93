"""Chains that anybody can undo: each byte combined with the one before it in a known scan."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.maps import Combine, Running, Step

COMBINES: tuple[Combine, ...] = ("xor", "add", "sub")
Steps = tuple[Step, ...]


def scans(shape: ImageShape) -> list[NDArray[np.intp]]:
    """Orders in which the bytes of an image are chained: rows, columns, channels, back and forth.

    Args:
        shape: ``(C, H, W)``.

    Returns:
        ``(S,)`` numbers of bytes each, the usual ones first, none twice; the reverse of each is
        right behind it.
    """
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    found = [numbers.transpose(axes) for axes in permutations(range(3))]
    snakes = []
    for scan in found[:2] + found[3:4]:
        snake = scan.copy()
        if snake.shape[2] == shape[0]:  # pixels stay whole: rows of pixels turn
            snake[1::2] = snake[1::2, ::-1]
        else:
            snake[:, 1::2] = snake[:, 1::2, ::-1]
        snakes.append(snake)
    unique: dict[bytes, NDArray[np.intp]] = {}
    for scan in [*found, *snakes]:
        for flat in (scan.reshape(-1), scan.reshape(-1)[::-1]):
            unique.setdefault(flat.tobytes(), flat)
    return list(unique.values())


def after(shape: ImageShape) -> Iterator[Steps]:
    """What may come after a simple step, on ciphertexts: nothing, a chain, or two along one line.

    Args:
        shape: ``(C, H, W)`` of ciphertexts.
    """
    lines = scans(shape)
    yield ()
    for direction in ("forth", "back"):
        for combine in COMBINES:
            for scan in lines:
                yield (Running(scan, combine, direction),)
    for combine in COMBINES[:2]:
        for scan in lines:
            one = Running(scan, combine)
            yield one, Running(scan[::-1], combine)
            yield one, one


def before(shape: ImageShape) -> Iterator[Steps]:
    """What may come before it, on plain images: a chain, or differences.

    Args:
        shape: ``(C, H, W)`` of plain images.
    """
    for direction in ("forth", "back"):
        for combine in COMBINES:
            for scan in scans(shape):
                yield (Running(scan, combine, direction),)
