"""NPY files of ciphertexts: images of bytes, as bytes or as real numbers, and codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppattack.data.token_files import read_numbers
from ppattack.errors import DataError

CHANNELS = (1, 3)
LEVELS, ROUNDING = 255, 1e-3
"""The largest byte; how far a real number may be from the byte that it stands for."""


def read_stack(path: Path) -> NDArray[np.uint8] | None:
    """The images of one file of many, ``(N, C, H, W)``; None if it is none."""
    try:
        array = read_numbers(path)
    except DataError:
        return None  # what is wrong with it is said where single files are read
    if array.ndim != 4 or array.dtype != np.uint8 or not array.size:
        return None
    if array.shape[1] in CHANNELS:
        return np.asarray(array)
    return array.transpose(0, 3, 1, 2) if array.shape[3] in CHANNELS else None


def read_array(path: Path) -> NDArray[np.generic] | str:
    """The array of a file, ``(C, H, W)`` uint8 or float32; or why it cannot be read."""
    try:
        array = read_numbers(path)
    except DataError as error:
        return str(error).removeprefix(f"{path.name} ").removesuffix(".")
    array = _bytes_of(array)
    if array.dtype == np.uint8 and array.ndim in (2, 3) and array.size:
        if array.ndim == 2:
            return np.asarray(array[None])
        if array.shape[0] in CHANNELS:
            return np.asarray(array)
        if array.shape[2] in CHANNELS:
            return np.ascontiguousarray(array.transpose(2, 0, 1))
    if array.ndim in (2, 3) and array.size:
        numbers = array.astype(np.float32)
        return numbers if np.isfinite(numbers).all() else "holds values that are no numbers"
    return f"is an array of {array.dtype} of shape {array.shape}, neither bytes nor codes"


def _bytes_of(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The bytes that an image of real numbers stands for, 0 to 255 or these over 255."""
    image = array.ndim == 3 and (array.shape[0] in CHANNELS or array.shape[2] in CHANNELS)
    if array.dtype.kind != "f" or not image or not array.size:
        return array
    low, high = float(array.min()), float(array.max())
    if not 0 <= low < high <= LEVELS:
        return array
    levels = array.astype(np.float64) * (LEVELS if high <= 1 else 1)
    whole = np.rint(levels)
    return whole.astype(np.uint8) if np.abs(levels - whole).max() < ROUNDING else array


def in_words(array: NDArray[np.generic]) -> str:
    """Size and colours of an image, shape of other arrays."""
    if array.dtype != np.uint8:
        return f"numbers of shape {'x'.join(map(str, array.shape))}"
    channels, height, width = array.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"
