"""Images in tar files, as WebDataset keeps them: one sample is the files of one name.

A tar file, or a folder of them (shards), is read where it lies: an index says at which byte each
image begins, so that any part can be read by itself, by any worker that has the files.

Reference: T. Breuel et al.: WebDataset. https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from typing_extensions import override

from ppattack.data.decoding import UnreadableImage, decode, pixels_of
from ppattack.data.image_files import has_image_name
from ppattack.data.stacks import Pixels, Shape, Stack
from ppattack.errors import DataError

SUFFIX = ".tar"
CLASS = "cls"
"""Extension of a sample's class, as text."""


@dataclass(frozen=True)
class Member:
    """An image in a tar file.

    Args:
        tar: the file.
        name: of the image in it, with folders.
        offset: its first byte in the file.
        size: bytes.
        category: its class, or None.
    """

    tar: Path
    name: str
    offset: int
    size: int
    category: str | None = None

    @property
    def called(self) -> Path:
        """What people call it."""
        return self.tar / self.name

    def content(self) -> bytes:
        """Its bytes.

        Raises:
            UnreadableImage: if they are not there.
        """
        try:
            with self.tar.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise UnreadableImage(self.called, f"cannot be read ({error.strerror})") from None
        if len(data) < self.size:
            raise UnreadableImage(self.called, "is cut off")
        return data

    def pixels(self, *, photograph: bool) -> Pixels:
        """``(H, W, C)`` uint8.

        Raises:
            UnreadableImage: if it cannot be decoded.
        """
        return pixels_of(decode(io.BytesIO(self.content()), self.called, photograph=photograph)[0])


def tar_paths(path: Path) -> list[Path]:
    """The tar file, or the tar files of a folder, by name; none if there are none."""
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix == SUFFIX)
    return [path] if path.suffix == SUFFIX else []


def members(path: Path) -> list[Member]:
    """The images of a tar file or of the tar files of a folder, in the order of the files.

    Raises:
        DataError: if there is no tar file, one that cannot be read, or no image in them.
    """
    paths = tar_paths(path)
    if not paths:
        raise DataError(f"{path} is neither a tar file nor a folder that holds any.")
    found = [member for each in paths for member in _members(each)]
    if not found:
        raise DataError(f"{path} holds no image files.")
    return found


def _members(path: Path) -> Iterator[Member]:
    """The images of one tar file."""
    images: list[Member] = []
    classes: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if info.isfile() and has_image_name(Path(info.name).name):
                    images.append(Member(path, info.name, info.offset_data, info.size))
                elif info.isfile() and info.name.rpartition(".")[2] == CLASS:
                    content = tar.extractfile(info)
                    assert content is not None  # noqa: S101
                    classes[_sample(info.name)] = content.read().decode("utf-8").strip()
    except (tarfile.TarError, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as a tar file ({error}): unpack it if it is compressed."
        ) from None
    for image in images:
        yield replace(image, category=classes.get(_sample(image.name)))


def _sample(name: str) -> str:
    """The name that the files of one sample share: up to the first dot after the folders."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


@dataclass(frozen=True)
class TarImages(Stack):
    """Images in tar files, decoded when they are read.

    Args:
        images: where they are.
        image_shape: ``(C, H, W)`` of each.
        photograph: whether they are photographs, or ciphertexts.
    """

    images: tuple[Member, ...]
    image_shape: tuple[int, int, int]
    photograph: bool = False

    @classmethod
    def of(cls, found: list[Member], *, photograph: bool = False) -> TarImages:
        """Images of the shape of the first.

        Raises:
            DataError: if the first cannot be read.
        """
        try:
            height, width, channels = found[0].pixels(photograph=photograph).shape
        except UnreadableImage as error:
            raise DataError(str(error)) from None
        return cls(tuple(found), (channels, height, width), photograph)

    @property
    @override
    def shape(self) -> Shape:
        return (len(self.images), *self.image_shape)

    @override
    def part(self, start: int, stop: int) -> TarImages:
        return replace(self, images=self.images[start:stop])

    @override
    def read(self) -> Pixels:
        stack = np.empty(self.shape, np.uint8)
        for row, image in zip(stack, self.images, strict=True):
            try:
                pixels = image.pixels(photograph=self.photograph).transpose(2, 0, 1)
            except UnreadableImage as error:
                raise DataError(f"{error} Repair the tar file or leave it out.") from None
            if pixels.shape != row.shape:
                raise DataError(
                    f"{image.called} has the shape {pixels.shape}, not that of the first image, "
                    f"{row.shape} (channels, height, width): all must have one shape."
                )
            row[:] = pixels
        return stack
