"""Ciphertexts that are not images: folders of NPY files, one per ciphertext."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ppattack.data.image_files import NamedImages, check_folder, in_short, read_folder
from ppattack.data.token_storage import empty_tokens
from ppattack.errors import DataError
from ppattack.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor


CACHE = "image_means.npy"
"""A pickle of mean codes, which is no ciphertext."""


def read_ciphertexts(path: Path, cipher: Literal["image", "tokens"]) -> NamedImages:
    """Read every ciphertext file of a folder, of the kind that a scheme makes.

    Raises:
        DataError: if there is none, or one that cannot be used.
    """
    return read_folder(path) if cipher == "image" else read_token_folder(path)


def read_token_folder(path: Path) -> NamedImages:
    """Read every NPY file of a folder, by name; subfolders and other files are ignored.

    Returns:
        names and float32 arrays of one shape, in a temporary file if they are large.

    Raises:
        DataError: if there is no such folder, no NPY file in it, one that cannot be read (all are
            tried, the first few are named), or arrays of different shapes.
    """
    files = list_tokens(path)
    if not files:
        raise DataError(f"{path} holds no NPY files, which are what this scheme's ciphertexts are.")
    return NamedImages(tuple(file.name for file in files), read_token_files(files))


def list_tokens(path: Path) -> list[Path]:
    """The NPY files in a folder that are not hidden, by name.

    The cache of mean codes that the evaluation of NeuraCrypt's challenge leaves is passed over.

    Raises:
        DataError: if the folder is missing, is a file or may not be read.
    """
    check_folder(path)
    found = (file for file in path.iterdir() if file.suffix == ".npy" and file.name[0] != ".")
    return sorted(file for file in found if file.name != CACHE)


def read_token_files(files: Sequence[Path], shape: tuple[int, ...] | None = None) -> Tensor:
    """The arrays of some NPY files, ``(N, ...)`` float32, in a temporary file if they are large.

    Args:
        files: to read.
        shape: of every array; None for that of the first.

    Raises:
        DataError: as in :func:`read_token_folder`.
    """
    import torch

    stack = None if shape is None else empty_tokens((len(files), *shape))
    first = f"the others, {shape}"
    bad: list[str] = []
    for i, file in enumerate(files):
        try:
            array = read_array(file)
        except DataError as error:
            bad.append(str(error).removesuffix("."))
            continue
        if stack is None:
            stack = empty_tokens((len(files), *array.shape))
            first = f"{file.name} {array.shape}"
        if array.shape == tuple(stack.shape[1:]):
            stack[i] = torch.from_numpy(array)
        else:
            bad.append(f"{file.name} {array.shape} does not have the shape of {first}")
    if bad or stack is None:
        raise _unusable(bad, len(files))
    return stack


class TokenFiles:
    """The arrays of some NPY files, each read whenever it is asked for.

    Args:
        files: of one shape; only their headers are read now.

    Raises:
        DataError: if one cannot be read or has another shape; all are tried, the first few named.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        shape: tuple[int, ...] | None = None
        bad: list[str] = []
        for file in files:
            try:
                found = array_shape(file)
            except DataError as error:
                bad.append(str(error).removesuffix("."))
                continue
            if shape is None:
                shape, first = found, f"{file.name} {found}"
            elif found != shape:
                bad.append(f"{file.name} {found} does not have the shape of {first}")
        if bad or shape is None:
            raise _unusable(bad, len(files))
        self.files = list(files)
        self.shape: tuple[int, ...] = (len(files), *shape)

    @property
    def size_bytes(self) -> int:
        """What all of them take in memory."""
        return prod(self.shape) * np.dtype(np.float32).itemsize

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """Some of them, ``(n, ...)`` float32.

        Raises:
            DataError: if one cannot be read, or is no longer of the shape that it had.
        """
        chosen = self.files[rows] if isinstance(rows, slice) else [self.files[i] for i in rows]
        return read_token_files(chosen, self.shape[1:])


def array_shape(path: Path) -> tuple[int, ...]:
    """The shape of the array in an NPY file, from its header alone.

    Raises:
        DataError: if it is not an array of numbers.
    """
    return read_numbers(path, mmap_mode="r").shape


def read_array(path: Path) -> NDArray[np.float32]:
    """One NPY file of finite numbers, as float32; nothing in it is executed.

    Raises:
        DataError: if it is not one.
    """
    array = read_numbers(path)
    if not np.isfinite(array).all():
        raise DataError(f"{path.name} holds numbers that are not finite.")
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(single).all():
        raise DataError(f"{path.name} holds numbers too large for 32 bits: scale them down.")
    return single


def read_numbers(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """One NPY file of real numbers as it is, finite or not; nothing in it is executed.

    Args:
        path: the file.
        mmap_mode: ``r`` to read its header alone.

    Raises:
        DataError: if it is not one.
    """
    try:
        array: object = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # NumPy raises nearly anything for damaged files
        words = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path.name} cannot be read: {words}.") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or not array.ndim:
        raise DataError(f"{path.name} does not hold an array of numbers.")
    return array


def _unusable(bad: list[str], count: int) -> DataError:
    return DataError(f"{len(bad)} of {count} NPY files cannot be used: {in_short(bad)}.")


def write_tokens(path: Path, tokens: Tensor) -> None:
    """Write one ciphertext as an NPY file, float32; whole or not at all.

    Raises:
        DataError: if the file cannot be written.
    """
    data = io.BytesIO()
    np.save(data, tokens.float().cpu().numpy(), allow_pickle=False)
    write_bytes(path, data.getvalue())
