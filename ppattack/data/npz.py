"""Images in a NumPy archive.

Either two arrays, the victims' and the adversary's, under one of the pairs of names in ``PAIRS``,
or one array ``images``, which is split by content: the SHA-256 of an image decides its side (a
half each, on average), so the order does not matter, adding an image moves no other, and equal
images are on one side. Which images of a side are taken is drawn by the seed. Where no victims
are asked for, the adversary has all of ``images``.

Arrays are uint8: ``(N, H, W, C)`` or ``(N, C, H, W)`` with C of 1 or 3, or grey ``(N, H, W)``.
Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage, check_file
from ppattack.data.selection import Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.images import CHANNELS
from ppattack.seeding import derive, numpy_stream

PAIRS = (("victims", "adversary"), ("test", "train"), ("x_test", "x_train"))
BOTH = "images"


class Npz(ImageSource):
    """Images of a NumPy archive: ``npz:FILE``."""

    card = SourceCard(
        name="npz",
        title="uint8 arrays in a NumPy .npz file",
        reference=Reference(
            authors="C. R. Harris, K. J. Millman, S. J. van der Walt et al.",
            title="Array programming with NumPy (the .npz format)",
            venue="Nature 585, 357–362",
            year=2020,
            doi="10.1038/s41586-020-2649-2",
        ),
        argument="FILE",
    )

    def load(self, request: ImageRequest) -> ImageSets:
        """See :meth:`ImageSource.load` and the module for names and shapes.

        Raises:
            DataError: for a missing or damaged file, or arrays of other names, types or shapes.
        """
        path = Path(self.argument).expanduser()
        victims: Iterator[tuple[str, Pixels]]
        adversary: Iterator[tuple[str, Pixels]]
        with _opened(path) as archive:
            names = next((pair for pair in PAIRS if set(pair) & set(archive.files)), None)
            if names is not None:
                victims = _drawn(archive, path, names[0], request.victims, request.seed)
                adversary = _drawn(archive, path, names[1], request.adversary, request.seed)
            elif BOTH in archive.files:
                images = _array(archive, path, BOTH)
                sides = _split(images, request)
                victims, adversary = (_labelled(images, BOTH, rows) for rows in sides)
            else:
                held = ", ".join(archive.files[:5]) or "nothing"
                raise DataError(
                    f"{path} holds {held}, but neither 'images' nor 'victims' and 'adversary' "
                    "(or 'test' and 'train'): rename the arrays."
                )
            return select(f"{self.card.name}:{self.argument}", request, victims, adversary)


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    try:
        check_file(path)
        archive = np.load(path, allow_pickle=False)
    except UnreadableImage as error:
        raise DataError(f"the file {path} {error.reason}: use npz:FILE.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is not a NumPy .npz file ({error}): write one with np.savez."
        ) from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(
            f"{path} holds one array without a name: write it with np.savez(FILE, images=array)."
        )
    return archive


def _drawn(
    archive: np.lib.npyio.NpzFile, path: Path, name: str, count: int, seed: int
) -> Iterator[tuple[str, Pixels]]:
    """The images of one side's array in random order; the array is read only when needed."""
    if count == 0 or name not in archive.files:
        return
    images = _array(archive, path, name)
    rows = numpy_stream(seed, "data", "npz", name).permutation(len(images))
    yield from _labelled(images, name, rows.tolist())


def _labelled(
    images: NDArray[np.uint8], name: str, rows: Sequence[int]
) -> Iterator[tuple[str, Pixels]]:
    return ((f"{name}[{row}]", images[row]) for row in rows)


def _split(images: NDArray[np.uint8], request: ImageRequest) -> tuple[list[int], list[int]]:
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    drawn = sorted(
        range(len(images)), key=lambda row: derive(request.seed, "data", "npz", digests[row].hex())
    )
    if not request.victims:
        return [], drawn
    return (
        [row for row in drawn if digests[row][0] % 2 == 0],
        [row for row in drawn if digests[row][0] % 2 == 1],
    )


def _array(archive: np.lib.npyio.NpzFile, path: Path, name: str) -> NDArray[np.uint8]:
    """One array as ``(N, H, W, C)``."""
    where = f"the array '{name}' of {path}"
    try:
        array = archive[name]
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise DataError(f"{where} cannot be read ({error}): write it anew as uint8.") from None
    if array.dtype != np.uint8:
        fix = (
            "convert floats in [0, 1] with (x * 255).round().astype(np.uint8)"
            if array.dtype.kind == "f"
            else "images are uint8, 0..255"
        )
        raise DataError(f"{where} has dtype {array.dtype}, not uint8: {fix}.")
    if array.ndim == 3 and array.shape[2] in CHANNELS:
        raise DataError(f"{where} has shape {array.shape}: stack images to (N, H, W, C).")
    if array.ndim == 3:
        array = array[..., None]
    shape = array.shape
    if array.ndim != 4 or 0 in shape:
        raise DataError(f"{where} has shape {shape}, not (N, H, W, C), (N, C, H, W) or (N, H, W).")
    last, first = shape[3] in CHANNELS, shape[1] in CHANNELS
    if last and first and shape[1:] != (1, 1, 1):
        raise DataError(
            f"{where} has shape {shape}, which may have its channels first or last: "
            "drop an axis of one channel, or use larger images."
        )
    if not (last or first):
        raise DataError(f"{where} has shape {shape}: an image must have 1 or 3 channels.")
    return array if last else array.transpose(0, 2, 3, 1)
