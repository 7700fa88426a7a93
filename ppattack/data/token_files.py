"""Ciphertexts that are not images: folders of NPY files, one per ciphertext."""

from __future__ import annotations

import io
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

    Raises:
        DataError: if the folder is missing, is a file or may not be read.
    """
    check_folder(path)
    return sorted(file for file in path.iterdir() if file.suffix == ".npy" and file.name[0] != ".")


def read_token_files(files: list[Path]) -> Tensor:
    """The arrays of some NPY files, ``(N, ...)`` float32, in a temporary file if they are large.

    Raises:
        DataError: as in :func:`read_token_folder`.
    """
    import torch

    stack: Tensor | None = None
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
        raise DataError(f"{len(bad)} of {len(files)} NPY files cannot be used: {in_short(bad)}.")
    return stack


def read_array(path: Path) -> NDArray[np.float32]:
    """One NPY file of finite numbers, as float32; nothing in it is executed.

    Raises:
        DataError: if it is not one.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises nearly anything for damaged files
        words = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path.name} cannot be read: {words}.") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or not array.ndim:
        raise DataError(f"{path.name} does not hold an array of numbers.")
    if not np.isfinite(array).all():
        raise DataError(f"{path.name} holds numbers that are not finite.")
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(single).all():
        raise DataError(f"{path.name} holds numbers too large for 32 bits: scale them down.")
    return single


def write_tokens(path: Path, tokens: Tensor) -> None:
    """Write one ciphertext as an NPY file, float32; whole or not at all.

    Raises:
        DataError: if the file cannot be written.
    """
    data = io.BytesIO()
    np.save(data, tokens.float().cpu().numpy(), allow_pickle=False)
    write_bytes(path, data.getvalue())
