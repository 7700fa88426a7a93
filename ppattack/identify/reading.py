"""Files of a folder as arrays: a spread of them if there are many, the odd ones named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from ppattack.data.decoding import UnreadableImage, open_image, pixels_of
from ppattack.data.image_files import check_folder, has_image_name, in_short
from ppattack.data.stack_files import is_stack, open_stack
from ppattack.data.stacks import Stack
from ppattack.errors import DataError
from ppattack.identify.arrays import in_words, only_bytes, read_array, read_stack
from ppattack.identify.sizes import alike_but_for_size, common_part
from ppattack.jpeg import Jpeg

FILES_AT_MOST = 200
PIXELS_AT_MOST = 1 << 20
"""Pixels of all files together: 20 files of 224 px."""
EDGE_AT_MOST = 1008
"""Pixels of an edge that are looked at: a multiple of blocks of 7, 8, 9, 14 and 16 px."""
FOREIGN_SHARE = 0.2
"""Share of files that are named as foreign; with more the folder is refused."""
ASKED = 5
"""Files whose size says how many are looked at."""
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
        pixels: ``(C, H, W)`` of the images before that; the shape of other arrays. Of images of
            several sizes, that of the part which all have.
        edges: H and W of each, if the images have several sizes.
        remainder: whether a grid of blocks left a part at the right or below, which is left out.
    """

    total: int
    names: tuple[str, ...]
    arrays: NDArray[np.generic]
    foreign: tuple[tuple[str, str], ...]
    jpeg: Jpeg | None
    cropped: bool
    pixels: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()
    remainder: bool = False

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
            edges=tuple(self.edges[i] for i in kept) if self.edges else (),
        )

    def cut_to(self, block: int) -> Read:
        """The same without what a grid of blocks that begins at the upper left leaves over."""
        height, width = (edge // block * block for edge in self.arrays.shape[2:])
        part = self.arrays[:, :, :height, :width]
        pixels = self.pixels[0], height, width
        return replace(self, arrays=part, cropped=True, pixels=pixels, remainder=True)

    def of_commonest_size(self) -> NDArray[np.generic]:
        """The arrays of those images that have one size, of which there are most."""
        if not self.edges:
            return self.arrays
        most = Counter(self.edges).most_common(1)[0][0]
        return self.arrays[[i for i, edges in enumerate(self.edges) if edges == most]]


def read(folder: Path) -> Read:
    """Read a folder of PNG, TIFF, JPEG, BMP, WebP, GIF or NPY files, or of one NPY file of many.

    Args:
        folder: its path; or a file of many images: NPY, NPZ or tar, or a folder of these.

    Raises:
        DataError: if there is no such folder, no file in it that could be a ciphertext, or if too
            many of them cannot be read or differ from the others.
    """
    paths = [folder] if folder.is_file() and is_stack(folder) else list_files(folder)
    if is_stack(folder) and all(path.suffix != ".npy" for path in paths):
        return _of_stack(folder, open_stack(folder, 1).stack)
    if not paths:
        inside = sum(1 for path in folder.iterdir() if path.is_dir())
        only = f", only {inside} folder{'s' * (inside > 1)}" if inside else ""
        raise DataError(
            f"{folder} holds no image or NPY files{only}: name a folder of ciphertext files."
        )
    stack = read_stack(paths[0]) if len(paths) == 1 and paths[0].suffix == ".npy" else None
    if stack is not None:
        return of_arrays(stack, str(folder))
    chosen = spread(paths, FILES_AT_MOST)
    asked = map(try_to_read, spread(paths, ASKED))
    areas = [_area(array.shape) for array in asked if _is_image(array)]
    if areas:
        chosen = spread(paths, min(FILES_AT_MOST, max(1, PIXELS_AT_MOST // max(areas))))
    arrays: dict[str, NDArray[np.generic]] = {}
    foreign: list[tuple[str, str]] = []
    for path in chosen:
        array = try_to_read(path)
        if isinstance(array, str):
            foreign.append((path.name, array))
        else:
            arrays[path.name] = array
    return _of_one_shape(folder, paths, chosen, arrays, foreign)


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
            foreign.append((name, f"is {in_words(array)}"))
    odd = {name for name, _ in foreign}
    names = tuple(name for name in arrays if name not in odd)
    if len(foreign) > FOREIGN_SHARE * len(chosen):
        several = _of_several_sizes(folder, paths, chosen, arrays)
        if several is not None:
            return several
    if most is None or len(foreign) > FOREIGN_SHARE * len(chosen):
        common = f", the others are {in_words(arrays[names[0]])}" if names else ""
        raise DataError(
            f"{len(foreign)} of {len(chosen)} files in {folder} cannot be looked at with the rest: "
            f"{in_short([f'{name} {why}' for name, why in foreign])}{common}. Give a folder of "
            "ciphertexts of one kind."
        )
    jpeg = _headers(chosen, _different(names, arrays)[0])
    return _of_arrays(str(folder), len(paths), {n: arrays[n] for n in names}, foreign, jpeg)


def _of_several_sizes(
    folder: Path,
    paths: Sequence[Path],
    chosen: Sequence[Path],
    arrays: dict[str, NDArray[np.generic]],
) -> Read | None:
    """Images with the same channels, of which the part that all have is kept; None if too few."""
    images, odd = alike_but_for_size(arrays)
    if len(images) < (1 - FOREIGN_SHARE) * len(chosen):
        return None
    names, copies = _different(tuple(images), images)
    kept = {name: images[name] for name in names}
    foreign = [(path.name, odd.get(path.name) or str(try_to_read(path))) for path in chosen]
    foreign = [(name, why) for name, why in foreign if name not in images]
    made = _of_arrays(
        str(folder), len(paths), common_part(kept), foreign + copies, _headers(chosen, names)
    )
    edges = tuple((int(kept[name].shape[1]), int(kept[name].shape[2])) for name in made.names)
    return replace(made, cropped=True, edges=edges)


def _headers(chosen: Sequence[Path], names: Sequence[str]) -> Jpeg | None:
    """How files of these names are compressed, if all are JPEG files."""
    kept = [path for path in chosen if path.name in set(names)]
    return Jpeg.of_files(kept) if all(path.suffix != ".npy" for path in kept) else None


def _is_image(array: NDArray[np.generic] | str) -> TypeGuard[NDArray[np.uint8]]:
    return isinstance(array, np.ndarray) and array.dtype == np.uint8


def _area(shape: tuple[int, ...]) -> int:
    """Pixels of an image, ``(..., H, W)``, that are looked at."""
    return int(np.prod(np.minimum(shape[-2:], EDGE_AT_MOST)))


def of_arrays(images: NDArray[np.generic], where: str = "the array") -> Read:
    """Ciphertexts of a program in the place of files; a spread of them if there are many.

    Args:
        images: ``(N, C, H, W)``: bytes, or numbers that stand for bytes.
        where: they come from.

    Raises:
        DataError: if they are no bytes, or too small to say anything.
    """
    rows = _rows(images.shape)
    chosen = zip(rows, only_bytes(images[rows], where), strict=True)
    arrays = {f"image {row}": image for row, image in chosen}
    return _of_arrays(where, len(images), arrays, [], None)


def _of_stack(path: Path, stack: Stack) -> Read:
    """The same of images that are read one by one."""
    rows = _rows(stack.shape)
    arrays = {f"image {row}": stack.part(row, row + 1).read()[0] for row in rows}
    return _of_arrays(str(path), len(stack), dict(arrays), [], None)


def _rows(shape: tuple[int, ...]) -> list[int]:
    """Which of many images, ``(N, C, H, W)``, are looked at."""
    return spread(range(shape[0]), min(FILES_AT_MOST, max(1, PIXELS_AT_MOST // _area(shape))))


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
    names: Sequence[str], arrays: Mapping[str, NDArray[np.generic]]
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The first file of each content, and the others, which agree with it and tell nothing."""
    first: dict[bytes, str] = {}
    copies = []
    for name in names:
        original = first.setdefault(arrays[name].tobytes(), name)
        if original != name:
            copies.append((name, f"is a copy of {original}"))
    return tuple(first.values()), copies


def try_to_read(path: Path) -> NDArray[np.generic] | str:
    """The array of a file, ``(C, H, W)`` uint8 or float32; or why it cannot be read."""
    if path.suffix == ".npy":
        return read_array(path)
    try:
        pixels = pixels_of(open_image(path)[0])
    except UnreadableImage as error:
        return error.reason
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
