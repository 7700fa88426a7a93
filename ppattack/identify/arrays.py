"""NPY files of ciphertexts: images of bytes, as bytes or as other numbers, and codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppattack.data.token_files import read_numbers
from ppattack.errors import DataError

CHANNELS = (1, 3)
LEVELS, ROUNDING = 255, 1e-3
"""The largest byte; how far a real number may be from the byte that it stands for."""


def read_stack(path: Path) -> NDArray[np.generic] | None:
    """The images of one file of many, ``(N, C, H, W)``, which stay in it; None if it is none."""
    try:
        array = read_numbers(path, mmap_mode="r")
    except DataError:
        return None  # what is wrong with it is said where single files are read
    if not _holds_many(array):
        return None
    return array if array.shape[1] in CHANNELS else array.transpose(0, 3, 1, 2)


def read_array(path: Path) -> NDArray[np.generic] | str:
    """The array of a file, ``(C, H, W)`` uint8 or float32; or why it cannot be read."""
    try:
        array = read_numbers(path)
    except DataError as error:
        return str(error).removeprefix(f"{path.name} ").removesuffix(".")
    array = bytes_of(array)
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
    what = f"is an array of {array.dtype} of shape {array.shape}"
    if _holds_many(array):
        return f"{what}, many images in one file: look at that file alone"
    return f"{what}, neither bytes nor codes"


def only_bytes(images: NDArray[np.generic], where: str) -> NDArray[np.generic]:
    """The bytes of images, ``(N, C, H, W)``, of which the type may be another.

    Raises:
        DataError: if their numbers stand for no bytes.
    """
    made = bytes_of(images)
    if made.dtype == np.uint8:
        return made
    raise DataError(
        f"{where} holds images of {made.dtype} whose values are not whole numbers from 0 to 255, "
        "nor these over 255: save them as uint8."
    )


def bytes_of(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The bytes that other numbers of images stand for: 0 to 255, or these over 255.

    Args:
        array: an image of three axes, images of four, or anything else, which stays as it is.
    """
    axes = {3: (0, 2), 4: (1, 3)}.get(array.ndim, ())
    if not array.size or all(array.shape[axis] not in CHANNELS for axis in axes):
        return array
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu":
        return array.astype(np.uint8) if low >= 0 and high <= LEVELS else array
    if not 0 <= low < high <= LEVELS:
        return array
    levels = array.astype(np.float64) * (LEVELS if high <= 1 else 1)
    whole = np.rint(levels)
    return whole.astype(np.uint8) if np.abs(levels - whole).max() < ROUNDING else array


def _holds_many(array: NDArray[np.generic]) -> bool:
    """Whether an array has the shape of many images."""
    axes = array.ndim == 4 and (array.shape[1] in CHANNELS or array.shape[3] in CHANNELS)
    return axes and bool(array.size)


def in_words(array: NDArray[np.generic]) -> str:
    """Size and colours of an image, shape of other arrays."""
    if array.dtype != np.uint8:
        return f"numbers of shape {'x'.join(map(str, array.shape))}"
    channels, height, width = array.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"
