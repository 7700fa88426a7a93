"""Which folders of a data set are its training and its test images, by their names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ppattack.data.image_files import has_image_name
from ppattack.errors import DataError

TRAIN = ("train", "training")
TESTS = ("test", "testing", "val", "valid", "validation")
"""Names in any case; the victims have the first of these that is there."""


@dataclass(frozen=True)
class Layout:
    """The parts of a data set, as paths inside its folder.

    Args:
        train: the training images, or None if the images are split by content.
        test: the test images, or None likewise.
        parts: every folder that stands for a part, so that it is no class.
        notes: facts for the report.
    """

    train: str | None = None
    test: str | None = None
    parts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def class_of(self, path: str) -> str | None:
        """The folder directly below the part, or below the data set, that holds a file."""
        part = next((part for part in self.parts if path.startswith(f"{part}/")), None)
        inside = path if part is None else path.removeprefix(f"{part}/")
        category, slash, _ = inside.partition("/")
        return category if slash else None


def read_layout(root: Path, left_out: frozenset[str] = frozenset()) -> Layout:
    """Find the parts at the top of a data set, or in the one folder that it consists of.

    Args:
        root: the folder of the data set.
        left_out: folders inside that are no part of it.

    Raises:
        DataError: if two folders have the name of the same part, or the parts lie inside of several
            folders.
    """
    folders, images = _content(root, "", left_out)
    layout = _parts(root, "", folders)
    if layout.parts or layout.notes:
        return layout
    for folder in folders:
        inside, _ = _content(root, folder, left_out)
        below = _parts(root, folder, inside)
        if below.parts and len(folders) == 1 and not images:
            return below
        if below.train is not None:
            raise DataError(
                f"{root / folder} holds the folders {below.train.rpartition('/')[2]} and "
                f"{(below.test or '').rpartition('/')[2]} beside other images: name "
                f"folder:{root / folder}, or put the folders of the classes below those of the "
                "parts."
            )
    return layout


def _content(root: Path, inside: str, left_out: frozenset[str]) -> tuple[list[str], bool]:
    """The visible folders in a folder, and whether it holds images itself."""
    try:
        with os.scandir(root / inside) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError as error:
        raise DataError(f"the folder {root / inside} cannot be read: {error.strerror}.") from None
    folders = (name for name, is_folder in found if is_folder and not name.startswith("."))
    paths = (f"{inside}/{name}" if inside else name for name in folders)
    images = any(has_image_name(name) for name, is_folder in found if not is_folder)
    return sorted(path for path in paths if path not in left_out), images


def _parts(root: Path, inside: str, folders: list[str]) -> Layout:
    """What the folders of one folder are, by their names."""
    train = _named(root, folders, TRAIN)
    tests = _named(root, folders, TESTS)
    parts = (*train, *tests)
    if train and tests:
        rest = tests[1:]
        notes = (f"{', '.join(rest)} left out: the victims have {tests[0]}.",) if rest else ()
        return Layout(train[0], tests[0], parts, notes)
    if parts and len(parts) == len(folders):
        return Layout(parts=parts)
    if parts and not inside:
        words = f"{parts[0]} lies beside folders of other names and counts as a class."
        return Layout(notes=(words,))
    return Layout()


def _named(root: Path, folders: list[str], names: tuple[str, ...]) -> list[str]:
    """The folders with one of these names, in the order of the names.

    Raises:
        DataError: if two names differ in case only, or there are several training parts.
    """
    by_name: dict[str, str] = {}
    for folder in folders:
        name = folder.rpartition("/")[2].lower()
        if name not in names:
            continue
        same = next(iter(by_name)) if names is TRAIN and by_name else name
        if same in by_name:
            raise DataError(
                f"{root} holds both {by_name[same]} and {folder}: keep one of them, or rename it."
            )
        by_name[name] = folder
    return [by_name[name] for name in names if name in by_name]
