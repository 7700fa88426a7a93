"""Images in a NumPy archive, or in a file of one array, read through memory maps.

Either two arrays, the victims' and the adversary's, under one of the pairs of names in ``PAIRS``,
or one array ``images`` (that of an NPY file is one), which is split by content: the SHA-256 of an
image decides its side (half each, on average), so the order does not matter, adding an image moves
no other, and equal images are on one side. The seed chooses which images of a side are taken. If no
victims are requested, the adversary has all of ``images``.

Arrays are uint8: ``(N, H, W, C)`` or ``(N, C, H, W)`` with C of 1 or 3, or grey ``(N, H, W)``.
Nothing is ever unpickled.

Classes, integers or text, may be given as well, one per image: as ``labels`` for ``images``,
otherwise under the names in ``LABELS``. If an array of such a name holds anything else, there are
no classes, and the notes say so.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.array_files import Arrays, image_shape
from ppattack.data.decoding import check_file
from ppattack.data.fingerprint import HASHED_AT_MOST, of_files
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.files import user_path
from ppattack.seeding import derive, numpy_stream

PAIRS = (("victims", "adversary"), ("test", "train"), ("x_test", "x_train"))
BOTH = "images"
LABELS = {
    "images": "labels",
    "victims": "victims_labels",
    "adversary": "adversary_labels",
    "test": "test_labels",
    "train": "train_labels",
    "x_test": "y_test",
    "x_train": "y_train",
}
"""The name of the array of classes, by the name of the array of images."""
Candidate = tuple[str, Pixels, str | None]


class Npz(ImageSource):
    """Images in a NumPy archive: ``npz:FILE``."""

    card = SourceCard(
        name="npz",
        title="uint8 arrays in a NumPy .npz or .npy file",
        reference=Reference(
            authors="C. R. Harris, K. J. Millman, S. J. van der Walt et al.",
            title="Array programming with NumPy (the .npz format)",
            venue="Nature 585, 357–362",
            year=2020,
            doi="10.1038/s41586-020-2649-2",
        ),
        argument="FILE",
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images; the module says from which names and shapes.

        Raises:
            DataError: for a missing or damaged file, or arrays with other names, types or shapes.
        """
        path = user_path(self.argument)
        stored = Arrays(path)
        archive = _Archive(stored, path)
        names = next((pair for pair in PAIRS if set(pair) & set(stored.files)), None)
        if names is not None:
            victims = archive.sample_rows(names[0], request.victims, request.seed)
            adversary = archive.sample_rows(names[1], request.adversary, request.seed)
        elif BOTH in stored.files:
            images = archive.images(BOTH)
            ours, theirs = _split(images, request)
            victims = Counted(archive.rows(BOTH, images, ours), len(ours))
            adversary = Counted(archive.rows(BOTH, images, theirs), len(theirs))
        else:
            held = ", ".join(stored.files[:5]) or "nothing"
            raise DataError(
                f"{path} holds {held}, but neither 'images' nor 'victims' and 'adversary' "
                "(or 'test' and 'train'): rename the arrays."
            )
        sets = select(f"{self.card.name}:{self.argument}", request, victims, adversary)
        return replace(sets, notes=(*dict.fromkeys(archive.notes), *sets.notes))

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        path = user_path(self.argument)
        digest = hashlib.sha256()
        try:
            check_file(path)
            if path.stat().st_size > HASHED_AT_MOST:
                return None
            if not zipfile.is_zipfile(path):
                return of_files([("", path)])
            with zipfile.ZipFile(path) as archive:
                if sum(info.file_size for info in archive.infolist()) > HASHED_AT_MOST:
                    return None
                for name in sorted(archive.namelist()):
                    if labels or name.removesuffix(".npy") not in LABELS.values():
                        digest.update(hashlib.sha256(name.encode()).digest())
                        digest.update(hashlib.sha256(archive.read(name)).digest())
        except Exception:  # loading it says what is wrong with it
            return None
        return digest.hexdigest()


class _Archive:
    """The images and classes of one archive, and what was wrong with the classes."""

    def __init__(self, stored: Arrays, path: Path) -> None:
        self.stored = stored
        self.path = path
        self.notes: list[str] = []

    def sample_rows(self, name: str, count: int, seed: int) -> Counted:
        """The images of one side's array in random order; it is read only when needed."""
        if count == 0 or name not in self.stored.files:
            return Counted((), 0)
        images = self.images(name)
        rows = numpy_stream(seed, "data", "npz", name).permutation(len(images))
        return Counted(self.rows(name, images, rows.tolist()), len(images))

    def rows(
        self, name: str, images: NDArray[np.uint8], rows: Sequence[int]
    ) -> Iterator[Candidate]:
        """Some images of an array, with their classes."""
        classes = self._classes(name, len(images))
        for row in rows:
            yield f"{name}[{row}]", images[row], None if classes is None else str(classes[row])

    def images(self, name: str) -> NDArray[np.uint8]:
        """One array as ``(N, H, W, C)``."""
        return _array(self.stored, name)

    def _classes(self, images: str, count: int) -> NDArray[Any] | None:
        """One class per image of an array, or None if there are none that can be used.

        Raises:
            DataError: if there are more or fewer classes than images.
        """
        name = LABELS[images]
        if name not in self.stored.files:
            return None
        try:
            found = self.stored[name]
        except Exception as error:  # NumPy raises nearly anything for damaged files
            self.notes.append(f"no classes: the array '{name}' cannot be read ({error})")
            return None
        column = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
        if column.ndim != 1 or column.dtype.kind not in "iuU":
            self.notes.append(
                f"no classes: the array '{name}' holds {found.dtype} of shape {found.shape}, "
                "not one integer or text per image"
            )
            return None
        if len(column) != count:
            raise DataError(
                f"{self.path} holds {count} images in '{images}' but {len(column)} classes in "
                f"'{name}': write one class per image, or leave '{name}' out."
            )
        return column


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


def _array(archive: Arrays, name: str) -> NDArray[np.uint8]:
    """One array as ``(N, H, W, C)``."""
    where = f"the array '{name}' of {archive.path}"
    try:
        array = archive[name]
    except Exception as error:  # NumPy raises nearly anything for damaged files
        raise DataError(f"{where} cannot be read ({error}): write it again as uint8.") from None
    shape, last = image_shape(array.shape, array.dtype, where)
    array = array.reshape(shape)
    return array if last else array.transpose(0, 2, 3, 1)
