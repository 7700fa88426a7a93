"""Ciphertexts, or plain images, of which there may be too many for memory: files of many images."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ppattack.data.array_files import Arrays
from ppattack.data.image_files import NamedImages, has_image_name
from ppattack.data.stacks import Mapped, Stack
from ppattack.data.tar_files import TarImages, members, tar_paths
from ppattack.errors import DataError

ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class NamedStack:
    """A stack of images whose first have names.

    Args:
        stack: all images.
        names: one per image of those that were asked for.
        files: they are in.
    """

    stack: Stack
    names: tuple[str, ...]
    files: tuple[Path, ...]

    def first(self) -> NamedImages:
        """Those that have names; those of an array stay in the file."""
        part = self.stack.part(0, len(self.names))
        images = part.tensor() if isinstance(part, Mapped) else part[:]
        return NamedImages(self.names, images)

    def first_files(self) -> Iterator[BinaryIO]:
        """The files of these, open; none for arrays."""
        if isinstance(self.stack, TarImages):
            for member in self.stack.images[: len(self.names)]:
                yield io.BytesIO(member.content())


def is_stack(path: Path) -> bool:
    """Whether a path is an NPY or NPZ file, a tar file, or a folder of these and no images."""
    if path.is_dir():
        return bool(tar_paths(path)) and not any(has_image_name(x.name) for x in path.iterdir())
    return path.suffix in ARRAYS or bool(tar_paths(path))


def open_stack(path: Path, named: int, *, photographs: bool = False) -> NamedStack:
    """Open files of many images.

    Images of tar files have their names there, with folders joined by hyphens; those of arrays are
    numbered.

    Args:
        path: for which :func:`is_stack` holds.
        named: how many images are to have names, at most.
        photographs: whether they are photographs, or ciphertexts.

    Raises:
        DataError: if it is missing or damaged, or does not hold images.
    """
    if path.suffix in ARRAYS and not path.is_dir():
        arrays = Arrays(path)
        if len(arrays.files) != 1:
            raise DataError(
                f"{path} holds {', '.join(arrays.files[:5]) or 'nothing'}: ciphertexts are one "
                "array; write it with np.save."
            )
        stack = arrays.stack(arrays.files[0])
        names = tuple(f"{row:08d}" for row in range(min(named, len(stack))))
        return NamedStack(stack, names, (path,))
    found = members(path)
    names = tuple(member.name.strip("/").replace("/", "-") for member in found[:named])
    return NamedStack(TarImages.of(found, photograph=photographs), names, tuple(tar_paths(path)))
