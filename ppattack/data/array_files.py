"""Arrays in NPY and NPZ files, read through memory maps: only what is looked at is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ppattack.data.decoding import UnreadableImage, check_file
from ppattack.data.stacks import Mapped, Shape
from ppattack.errors import DataError
from ppattack.images import CHANNELS

UNNAMED = "images"
"""What the array of an NPY file is called."""
CHECKED_AT_ONCE = 1 << 22
LOCAL_HEADER = 30
"""Bytes of the header before a member of a ZIP archive, without its name and extra field."""


class Arrays:
    """The arrays of one file.

    Args:
        path: an NPZ file, or an NPY file with one array, which is called ``images``.

    Raises:
        DataError: if it is neither.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            check_file(path)
            with path.open("rb") as file:
                self._is_npy = file.read(6) == npy.MAGIC_PREFIX
            if not self._is_npy:
                with zipfile.ZipFile(path) as archive:
                    self._members = {
                        info.filename.removesuffix(".npy"): info for info in archive.infolist()
                    }
        except UnreadableImage as error:
            raise DataError(f"the file {path} {error.reason}: name a .npz or .npy file.") from None
        except Exception as error:  # a damaged archive raises nearly anything
            kind, how = (".npy", "np.save") if path.suffix == ".npy" else (".npz", "np.savez")
            raise DataError(
                f"{path} is not a NumPy {kind} file ({error}): write one with {how}."
            ) from None

    @property
    def files(self) -> list[str]:
        """Their names."""
        return [UNNAMED] if self._is_npy else list(self._members)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """One array: a memory map, or a copy if the archive is compressed.

        Raises:
            ValueError, OSError, KeyError: if it cannot be read.
        """
        place = self._place(name)
        if place is not None and place[1] != ():
            offset, shape, dtype = place
            return np.memmap(self.path, dtype, "r", offset, shape)
        if self._is_npy:
            found: NDArray[Any] = np.load(self.path, allow_pickle=False)
            return found
        with np.load(self.path, allow_pickle=False) as archive:
            member: NDArray[Any] = archive[name]
            return member

    def stack(self, name: str) -> Mapped:
        """An array of images as a stack.

        Raises:
            DataError: if it is compressed, or does not hold images.
        """
        where = f"the array '{name}' of {self.path}"
        try:
            place = self._place(name)
        except Exception as error:  # as above
            raise DataError(f"{where} cannot be read ({error}): write it again as uint8.") from None
        if place is None and not self[name].size:
            raise DataError(f"{where} is empty: write images into it.")
        if place is None:
            raise DataError(
                f"{where} is compressed or in Fortran's order, so that no part of it can be read "
                "alone: write np.ascontiguousarray(array) with np.save or np.savez."
            )
        offset, shape, dtype = place
        shape, last = image_shape(shape, dtype, where)
        return Mapped(self.path, offset, shape, last, 0, shape[0])

    def _check(self, member: zipfile.ZipInfo) -> None:
        """Read a member once, so that the archive's checksum is compared."""
        with zipfile.ZipFile(self.path) as archive, archive.open(member) as content:
            while content.read(CHECKED_AT_ONCE):
                pass

    def _place(self, name: str) -> tuple[int, tuple[int, ...], np.dtype[Any]] | None:
        """Where an array begins, its shape and type; None if its bytes are not those in memory."""
        with self.path.open("rb") as file:
            if not self._is_npy:
                info = self._members[name]
                if info.compress_type != zipfile.ZIP_STORED:
                    return None
                self._check(info)
                file.seek(info.header_offset + LOCAL_HEADER - 4)
                lengths = file.read(4)
                file.seek(
                    int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1
                )
            shape, fortran, dtype = _header(file)
            if fortran or dtype.hasobject or 0 in shape:
                return None
            end = file.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            if end > self.path.stat().st_size:
                raise ValueError("the file is cut off")
            return file.tell(), shape, dtype


def image_shape(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> tuple[Shape, bool]:
    """The shape of an array of images with four axes, and whether channels come last.

    Raises:
        DataError: if these are not images, naming ``where``.
    """
    if dtype != np.uint8:
        fix = (
            "convert floats in [0, 1] with (x * 255).round().astype(np.uint8)"
            if dtype.kind == "f"
            else "images are uint8, 0..255"
        )
        raise DataError(f"{where} has dtype {dtype}, not uint8: {fix}.")
    if len(shape) == 3 and shape[2] in CHANNELS:
        raise DataError(f"{where} has shape {shape}: stack images to (N, H, W, C).")
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or 0 in shape:
        raise DataError(f"{where} has shape {shape}, not (N, H, W, C), (N, C, H, W) or (N, H, W).")
    last, first = shape[3] in CHANNELS, shape[1] in CHANNELS
    if last and first and shape[1:] != (1, 1, 1):
        raise DataError(
            f"{where} has shape {shape}, which may have its channels first or last: "
            "drop an axis of one channel, or use larger images."
        )
    if not (last or first):
        raise DataError(f"{where} has shape {shape}: an image must have 1 or 3 channels.")
    count, *rest = shape
    return (count, rest[0], rest[1], rest[2]), last


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return tuple(shape), bool(fortran), dtype
