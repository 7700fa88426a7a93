"""What making a challenge takes, whatever its scheme: two folders, and images for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ppattack.data.decoding import UnreadableImage, open_image
from ppattack.data.image_files import in_short
from ppattack.errors import ConfigError, DataError
from ppattack.folders import check_new, new_folder


def check_places(out: Path, gold: Path) -> None:
    """Refuse places for a challenge and its answers that are taken, or not apart.

    Raises:
        PpattackError: naming the place.
    """
    if gold.resolve().is_relative_to(out.resolve()) or out.resolve().is_relative_to(gold.resolve()):
        raise ConfigError(
            f"{gold} holds the answers: keep it out of the challenge's folder, and apart."
        )
    for folder in (out, gold):
        check_new(folder)


@contextmanager
def new_challenge(out: Path, gold: Path) -> Iterator[tuple[Path, Path]]:
    """Folders to fill, for the challenge and for its answers; both appear, or neither.

    The answers appear first: nobody could score a challenge without them.
    """
    check_new(gold)
    try:
        with new_folder(out) as public, new_folder(gold, private=True) as secret:
            yield public, secret
    except BaseException:
        shutil.rmtree(gold, ignore_errors=True)  # it was new or empty
        raise


def too_few(root: Path, paths: Sequence[str], wanted: str) -> DataError:
    """The error of a folder that holds too few images: the files that are none, if there are any.

    Args:
        root: the folder.
        paths: its image files.
        wanted: how many images, and which options ask for fewer.
    """
    bad = []
    for path in paths:
        try:
            open_image(root / path, photograph=True)
        except UnreadableImage as error:
            bad.append(f"{path} {error.reason}")
    if bad:
        return DataError(
            f"{len(bad)} of {len(paths)} image files in {root} cannot be used: {in_short(bad)}. "
            "Repair or remove them."
        )
    return DataError(f"{root} holds {len(paths)} different images, not {wanted}.")
