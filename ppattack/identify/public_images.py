"""Files of a folder that are public images, unchanged."""

from __future__ import annotations

from pathlib import Path

from ppattack.data.image_files import in_short
from ppattack.errors import DataError
from ppattack.identify.arrays import in_words
from ppattack.identify.reading import Read, list_files, spread, try_to_read

PUBLIC_AT_MOST = 2000
"""Public images that are compared with the files."""


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
    shapes: set[tuple[int, ...]] = {(read.pixels[0], *edges) for edges in read.edges} or {
        read.pixels
    }
    known: dict[bytes, str] = {}
    bad: list[str] = []
    for path in spread(paths, PUBLIC_AT_MOST):
        array = try_to_read(path)
        if isinstance(array, str):
            bad.append(f"{path.name} {array}")
        elif tuple(array.shape) in shapes:
            height, width = read.arrays.shape[-2:]
            kept = array[:, :height, :width] if array.ndim == 3 else array
            known[kept.tobytes()] = path.name
        else:
            bad.append(f"{path.name} is {in_words(array)}")
    if not known:
        raise DataError(
            f"no image in {public} can be compared with the files, which are "
            f"{in_words(read.arrays[0])}: {in_short(bad)}. Leave out --public, or name images of "
            "that size."
        )
    found = (
        (name, known.get(array.tobytes()))
        for name, array in zip(read.names, read.arrays, strict=True)
    )
    return [(name, f"is the public image {other}, unchanged") for name, other in found if other]
