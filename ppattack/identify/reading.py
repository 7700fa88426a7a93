"""Files of a folder as arrays: a spread of them if there are many, the odd ones named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ppattack.data.decoding import UnreadableImage, open_image, pixels_of
from ppattack.data.image_files import check_folder, has_image_name, in_short
from ppattack.errors import DataError
from ppattack.identify.arrays import read_array, read_stack
from ppattack.jpeg import Jpeg

FILES_AT_MOST = 200
PIXELS_AT_MOST = 1 << 20
"""Pixels of all files together: 20 files of 224 px."""
EDGE_AT_MOST = 1008
"""Pixels of an edge that are looked at: a multiple of blocks of 7, 8, 9, 14 and 16 px."""
PUBLIC_AT_MOST = 2000
"""Public images that are compared with the files."""
FOREIGN_SHARE = 0.2
"""Share of files that are named as foreign; with more the folder is refused."""
SMALLEST = 8
"""Pixels along the smallest image that says anything."""
Thing = TypeVar("Thing")
ARRAY_CACHE = "image_means.npy"
"""Left beside codes by the evaluation of NeuraCrypt's challenge; no ciphertext."""


@dataclass(frozen=True)
class Read:
    """What was read of a folder.

    Args:
        total: files in it that could be ciphertexts.
        names: of those that were read and kept.
        arrays: ``(N, C, H, W)`` uint8, or float32 of any shape.
        foreign: name and reason of files that do not belong to the others.
        jpeg: how all files are compressed, if all are JPEG files.
        cropped: whether only a part of each image is looked at.
        pixels: ``(C, H, W)`` of the images before that; the shape of other arrays.
    """

    total: int
    names: tuple[str, ...]
    arrays: NDArray[np.generic]
    foreign: tuple[tuple[str, str], ...]
    jpeg: Jpeg | None
    cropped: bool
    pixels: tuple[int, ...]

    @property
    def is_image(self) -> bool:
        """Whether the files are images of bytes."""
        return self.arrays.dtype == np.uint8

    def without(self, odd: Sequence[tuple[str, str]]) -> Read:
        """The same with some of the kept files named as foreign."""
        named = {name for name, _ in odd}
        kept = [i for i, name in enumerate(self.names) if name not in named]
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            arrays=self.arrays[kept],
            foreign=(*self.foreign, *odd),
        )


def read(folder: Path) -> Read:
    """Read a folder of PNG, TIFF, JPEG, BMP, WebP, GIF or NPY files, or of one NPY file of many.

    Raises:
        DataError: if there is no such folder, nothing in it that could be a ciphertext, or if too
            many of its files cannot be read or differ from the others.
    """
    paths = list_files(folder)
    if not paths:
        inside = sum(1 for path in folder.iterdir() if path.is_dir())
        only = f", only {inside} folder{'s' * (inside > 1)}" if inside else ""
        raise DataError(
            f"{folder} holds no image or NPY files{only}: name a folder of ciphertexts, one file "
            "each."
        )
    stack = read_stack(paths[0]) if len(paths) == 1 and paths[0].suffix == ".npy" else None
    if stack is not None:
        return of_arrays(stack)
    chosen = spread(paths, FILES_AT_MOST)
    first = next((array for array in map(_try, chosen) if isinstance(array, np.ndarray)), None)
    if first is not None and first.dtype == np.uint8:
        area = int(np.prod(np.minimum(first.shape[1:], EDGE_AT_MOST)))
        chosen = spread(paths, min(FILES_AT_MOST, max(1, PIXELS_AT_MOST // area)))
    arrays: dict[str, NDArray[np.generic]] = {}
    foreign: list[tuple[str, str]] = []
    for path in chosen:
        array = _try(path)
        if isinstance(array, str):
            foreign.append((path.name, array))
        else:
            arrays[path.name] = array
    return _of_one_shape(folder, paths, chosen, arrays, foreign)


def unchanged(read: Read, public: Path) -> list[tuple[str, str]]:
    """Files whose pixels are those of a public image, with its name.

    Args:
        read: the files that were read.
        public: a folder of images, of which ``PUBLIC_AT_MOST`` are compared, spread evenly.

    Raises:
        DataError: if the folder cannot be read or holds no images.
    """
    paths = list_files(public)
    if not paths:
        raise DataError(f"{public} holds no image files: name a folder of public images.")
    known: dict[bytes, str] = {}
    bad: list[str] = []
    for path in spread(paths, PUBLIC_AT_MOST):
        array = _try(path)
        if isinstance(array, str):
            bad.append(f"{path.name} {array}")
        elif tuple(array.shape) == read.pixels:
            kept = array[:, :EDGE_AT_MOST, :EDGE_AT_MOST] if array.ndim == 3 else array
            known[kept.tobytes()] = path.name
        else:
            bad.append(f"{path.name} is {_in_words(array)}")
    if not known:
        raise DataError(
            f"no image in {public} can be compared with the files, which are "
            f"{_in_words(read.arrays[0])}: {in_short(bad)}. Leave out --public, or name images of "
            "that size."
        )
    found = (
        (name, known.get(array.tobytes()))
        for name, array in zip(read.names, read.arrays, strict=True)
    )
    return [(name, f"is the public image {other}, unchanged") for name, other in found if other]


def list_files(folder: Path) -> list[Path]:
    """Images and arrays in a folder that are not hidden, by name.

    Raises:
        DataError: if the folder is missing, is a file or may not be read.
    """
    check_folder(folder)
    return sorted(
        path
        for path in folder.iterdir()
        if has_image_name(path.name)
        or (path.suffix == ".npy" and path.name[0] != "." and path.name != ARRAY_CACHE)
    )


def spread(things: Sequence[Thing], number: int) -> list[Thing]:
    """At most so many, spread evenly over all."""
    if len(things) <= number:
        return list(things)
    return [things[i * len(things) // number] for i in range(number)]


def _of_one_shape(
    folder: Path,
    paths: Sequence[Path],
    chosen: Sequence[Path],
    arrays: dict[str, NDArray[np.generic]],
    foreign: list[tuple[str, str]],
) -> Read:
    """Keep the files of the commonest shape, name the others.

    Raises:
        DataError: if the others are too many.
    """
    shapes = Counter((array.shape, array.dtype == np.uint8) for array in arrays.values())
    most = shapes.most_common(1)[0][0] if shapes else None
    for name, array in arrays.items():
        if (array.shape, array.dtype == np.uint8) != most:
            foreign.append((name, f"is {_in_words(array)}"))
    odd = {name for name, _ in foreign}
    names = tuple(name for name in arrays if name not in odd)
    if most is None or len(foreign) > FOREIGN_SHARE * len(chosen):
        common = f", the others are {_in_words(arrays[names[0]])}" if names else ""
        raise DataError(
            f"{len(foreign)} of {len(chosen)} files in {folder} cannot be looked at with the rest: "
            f"{in_short([f'{name} {why}' for name, why in foreign])}{common}. Give a folder of "
            "ciphertexts of one kind and size."
        )
    kept = [path for path in chosen if path.name in set(_different(names, arrays)[0])]
    jpeg = Jpeg.of_files(kept) if all(path.suffix != ".npy" for path in kept) else None
    return _of_arrays(str(folder), len(paths), {n: arrays[n] for n in names}, foreign, jpeg)


def of_arrays(images: NDArray[np.uint8]) -> Read:
    """Ciphertexts of a program in the place of files; a spread of them if there are many.

    Args:
        images: ``(N, C, H, W)``.

    Raises:
        DataError: if they are too small to say anything.
    """
    area = int(np.prod(np.minimum(images.shape[2:], EDGE_AT_MOST)))
    rows = spread(range(len(images)), min(FILES_AT_MOST, max(1, PIXELS_AT_MOST // area)))
    arrays: dict[str, NDArray[np.generic]] = {f"image {row}": images[row] for row in rows}
    return _of_arrays("the array", len(images), arrays, [], None)


def _of_arrays(
    where: str,
    total: int,
    arrays: dict[str, NDArray[np.generic]],
    foreign: list[tuple[str, str]],
    jpeg: Jpeg | None,
) -> Read:
    """Arrays of one shape, each content once, and no edge too long."""
    names, copies = _different(tuple(arrays), arrays)
    stack = np.stack([arrays[name] for name in names])
    pixels = tuple(int(edge) for edge in stack.shape[1:])
    cropped = False
    if stack.dtype == np.uint8:
        if min(pixels[1:]) < SMALLEST:
            raise DataError(
                f"the images in {where} are {pixels[2]}x{pixels[1]}: {SMALLEST} px or more are "
                "needed to say anything."
            )
        cropped = max(pixels[1:]) > EDGE_AT_MOST
        stack = stack[:, :, :EDGE_AT_MOST, :EDGE_AT_MOST]
    return Read(total, names, stack, (*foreign, *copies), jpeg, cropped, pixels)


def _different(
    names: Sequence[str], arrays: dict[str, NDArray[np.generic]]
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The first file of each content, and the others, which agree with it and tell nothing."""
    first: dict[bytes, str] = {}
    copies = []
    for name in names:
        original = first.setdefault(arrays[name].tobytes(), name)
        if original != name:
            copies.append((name, f"is a copy of {original}"))
    return tuple(first.values()), copies


def _in_words(array: NDArray[np.generic]) -> str:
    if array.dtype != np.uint8:
        return f"numbers of shape {'x'.join(map(str, array.shape))}"
    channels, height, width = array.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def _try(path: Path) -> NDArray[np.generic] | str:
    """The array of a file, ``(C, H, W)`` uint8 or float32; or why it cannot be read."""
    if path.suffix == ".npy":
        return read_array(path)
    try:
        pixels = pixels_of(open_image(path)[0])
    except UnreadableImage as error:
        return error.reason
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
