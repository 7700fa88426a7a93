"""Read, list and write image files and folders of them; ``decoding`` says what is refused."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ppattack.data.decoding import UnreadableImage, open_image, pixels_of
from ppattack.errors import DataError
from ppattack.files import write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ppattack.data.windows import Window

SUFFIXES = frozenset({
    ".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".jpg", ".jpeg", ".jpe", ".jfif",
    ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".heic", ".heif", ".tga",
})  # fmt: skip
"""Extensions of image files. Files in formats that are not read are refused, not skipped."""
NAMED_AT_MOST = 3
SHEET_EDGE = 40
"""Pixels of the longer edge of an image in a sheet, at most."""
SHEET_AT_MOST = 64
"""Images in a sheet."""


@dataclass(frozen=True)
class NamedImages:
    """The images of a folder.

    Args:
        names: file names, sorted.
        images: ``(N, C, H, W)`` uint8 in the order of the names.
    """

    names: tuple[str, ...]
    images: Tensor


def read_image(path: Path, *, mode: Literal["RGB", "L"] | None = None) -> Tensor:
    """Read one image file.

    Args:
        path: the file.
        mode: None for a ciphertext, as stored; ``RGB`` or ``L`` for a photograph, converted.

    Returns:
        ``(C, H, W)`` uint8; C is 1 for grey and 3 for colour.

    Raises:
        UnreadableImage: an ImageError with the path and the reason.
    """
    import torch

    image, _ = open_image(path, photograph=mode is not None)
    pixels = pixels_of(image if mode is None else image.convert(mode))
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def read_folder(
    path: Path, *, photographs: bool = False, window: Window | None = None
) -> NamedImages:
    """Read every image file of a folder; subfolders and other files are ignored.

    Args:
        path: the folder.
        photographs: whether they are photographs, which are turned upright, and of which grey ones
            become RGB if there are others in colour; or ciphertexts.
        window: which levels of 16 bits become black and white; None refuses such files.

    Raises:
        DataError: if there is no such folder, no image in it, an image that cannot be read (all are
            tried, the first few are named), or images of different sizes.
    """
    import torch

    paths = list_images(path)
    if not paths:
        raise DataError(f"{path} holds no image files{_where_else(path)}.")
    stack: NDArray[np.uint8] | None = None
    bad: list[str] = []
    grey = photographs
    for i, file in enumerate(paths):
        try:
            pixels = pixels_of(open_image(file, photograph=photographs, window=window)[0])
            pixels = pixels.transpose(2, 0, 1)
        except UnreadableImage as error:
            bad.append(f"{file.name} {error.reason}")
            continue
        if photographs and len(pixels) == 1:
            pixels = pixels.repeat(3, axis=0)
        else:
            grey = False
        if stack is None:
            stack = np.empty((len(paths), *pixels.shape), np.uint8)
            first = f"{file.name} ({_shape_text(pixels)})"
        if pixels.shape == stack.shape[1:]:
            stack[i] = pixels
        else:
            bad.append(f"{file.name} ({_shape_text(pixels)}) differs from {first}")
    if bad or stack is None:
        raise DataError(
            f"{len(bad)} of {len(paths)} image files in {path} cannot be used: {in_short(bad)}. "
            "Repair or remove them; all must have the same size and number of channels."
        )
    images = torch.from_numpy(stack[:, :1].copy() if grey else stack)
    return NamedImages(tuple(file.name for file in paths), images)


def write_png(path: Path, image: Tensor) -> None:
    """Write ``(C, H, W)`` uint8, C of 1 or 3, as an 8-bit PNG; whole or not at all.

    Raises:
        ImageError: if the image does not follow the convention.
        DataError: if the file cannot be written.
    """
    from ppattack.images import check

    check(image[None], "the image to write")
    write_picture(path, as_picture(image))


def draw_sheet(path: Path, images: Tensor) -> None:
    """Write the first images side by side, twice as wide as high.

    Args:
        path: the PNG file.
        images: ``(N, C, H, W)`` uint8, N > 0.
    """
    from PIL import Image

    small = [thumbnail(image, SHEET_EDGE) for image in images[:SHEET_AT_MOST]]
    width, height = small[0].size
    across = math.ceil(math.sqrt(2 * len(small)))
    sheet = Image.new(small[0].mode, (across * width, math.ceil(len(small) / across) * height))
    for place, image in enumerate(small):
        sheet.paste(image, (place % across * width, place // across * height))
    write_picture(path, sheet)


def thumbnail(image: Tensor, edge: int) -> Image:
    """The image ``(C, H, W)`` uint8 as a picture, no edge of it longer than ``edge``."""
    picture = as_picture(image)
    picture.thumbnail((edge, edge))
    return picture


def as_picture(image: Tensor) -> Image:
    """``(C, H, W)`` uint8, C of 1 or 3, as a picture in grey or RGB."""
    from PIL import Image

    pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def write_picture(path: Path, picture: Image) -> None:
    """Write a picture as a PNG; whole or not at all.

    Raises:
        DataError: if the place cannot be written.
    """
    data = io.BytesIO()
    picture.save(data, format="PNG")
    write_bytes(path, data.getvalue())


def list_images(path: Path) -> list[Path]:
    """Everything in a folder that has the extension of an image and is not hidden, by name.

    Raises:
        DataError: if the folder is missing, is a file or may not be read.
    """
    check_folder(path)
    return sorted(found for found in path.iterdir() if has_image_name(found.name))


def check_folder(path: Path) -> None:
    """Refuse what is not a folder that can be read.

    Raises:
        DataError: if the folder is missing, is a file or may not be read.
    """
    try:
        with os.scandir(path):
            pass
    except FileNotFoundError:
        raise DataError(f"there is no folder {path}.") from None
    except NotADirectoryError:
        raise DataError(f"{path} is a file: name the folder that holds it.") from None
    except OSError as error:
        raise DataError(f"the folder {path} cannot be read: {error.strerror}.") from None


def has_image_name(name: str) -> bool:
    """Whether a file name has the extension of an image and is not hidden."""
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and stem[0] != "." and (dot + suffix).lower() in SUFFIXES


def in_short(reasons: list[str]) -> str:
    """The first few of many, and how many more there are."""
    more = len(reasons) - NAMED_AT_MOST
    text = "; ".join(reasons[:NAMED_AT_MOST])
    return f"{text}; and {more} more" if more > 0 else text


def told(things: str, what: str, reasons: list[str]) -> str:
    """A note: how many files or images were skipped or converted, and why the first few."""
    many = f"{len(reasons)} {things} were" if len(reasons) != 1 else f"1 {things[:-1]} was"
    return f"{many} {what}: {in_short(reasons)}."


def _shape_text(pixels: NDArray[np.uint8]) -> str:
    channels, height, width = pixels.shape
    return f"{width}x{height}, {'grey' if channels == 1 else 'RGB'}"


def _where_else(path: Path) -> str:
    arrays = sorted(entry.name for entry in path.iterdir() if entry.suffix == ".npy")
    if len(arrays) == 1:
        return f", only an array: if it holds all images, name {path / arrays[0]} itself"
    if arrays:
        many = f"{len(arrays)} NPY files: if these are images"
        return f", only {many}, write them as one of shape (N, C, H, W), and name that"
    folders = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
    return f", only folders ('{folders[0]}', …): name one of them" if folders else ""
