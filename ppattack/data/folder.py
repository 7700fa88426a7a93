"""Image files in the user's own folder.

With ``train/`` and ``test/`` (or ``val/``) inside, at any depth of class folders, the adversary has
the training images and the victims the test images; the seed chooses which ones, by their paths.
Any other folder is split by content: the SHA-256 of a file decides its side (half each, on
average), so names do not matter, adding a file moves no other, and equal files are on one side. If
no victims are requested, the adversary has them all.

The class of an image is the folder directly below DIR, or below ``train/`` and ``test/``, that
contains it at any depth; an image directly in one of those has none.

Files are read by the rules for photographs (see ``decoding``); one that cannot be read is skipped
and named in the notes. With a size, images are cut to the square in their middle and
resized; without one they must all have the same size.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage, check_file, open_image, pixels_of
from ppattack.data.fingerprint import of_files
from ppattack.data.image_files import check_folder, has_image_name, in_short
from ppattack.data.selection import Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.files import user_path
from ppattack.seeding import derive

TRAIN = "train"
TESTS = ("test", "val")


class Folder(ImageSource):
    """Images in a folder: ``folder:DIR``."""

    card = SourceCard(
        name="folder",
        title="image files: train/ and test/ folders, or one folder split by content",
        reference=Reference(
            authors="TorchVision maintainers and contributors",
            title="TorchVision: PyTorch's computer vision library (the ImageFolder layout)",
            venue="github.com/pytorch/vision",
            year=2016,
        ),
        argument="DIR",
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images; the module describes the split.

        Raises:
            DataError: for a missing folder, too few readable images, or mixed sizes if none was
                given.
        """
        root = user_path(self.argument)
        check_folder(root)
        reader = _Reader(root)
        victims, adversary = _sides(reader, request)
        try:
            sets = select(
                f"{self.card.name}:{self.argument}",
                request,
                reader.images(victims),
                reader.images(adversary),
            )
        except DataError as error:
            skipped = reader.notes()
            raise DataError(" ".join([str(error), *skipped])) from None
        return replace(sets, notes=(*reader.notes(), *sets.notes))

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        root = user_path(self.argument)
        check_folder(root)
        return of_files((path, root / path) for path in _paths(root))


@dataclass(frozen=True)
class _Side:
    """Files of one side, by their paths inside the folder, in the order in which to take them."""

    paths: list[str]
    part: str = ""

    def class_of(self, path: str) -> str | None:
        """The folder below the root, or below the side's part, that holds the file."""
        category, slash, _ = path.removeprefix(f"{self.part}/").partition("/")
        return category if slash else None


class _Reader:
    """Reads the files of one folder and remembers what it had to skip or convert."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[str] = []
        self.converted: list[str] = []
        self.twins = 0

    def images(self, side: _Side) -> Iterator[tuple[str, Pixels, str | None]]:
        """Path inside the folder, pixels and class of every readable file."""
        for path in side.paths:
            try:
                image, remark = open_image(self.root / path, photograph=True)
            except UnreadableImage as error:
                self.skip(path, error)
                continue
            if remark:
                self.converted.append(f"{path} ({remark})")
            yield path, pixels_of(image), side.class_of(path)

    def skip(self, path: str, error: UnreadableImage) -> None:
        """Remember a file that cannot be read."""
        self.skipped.append(f"{path} {error.reason}")

    def notes(self) -> list[str]:
        """Facts for the report."""
        notes = []
        if self.skipped:
            notes.append(f"{len(self.skipped)} files were skipped: {in_short(self.skipped)}.")
        if self.converted:
            notes.append(f"{len(self.converted)} files were converted: {in_short(self.converted)}.")
        if self.twins:
            notes.append(f"{self.twins} files are copies of others and were left out.")
        return notes


def _sides(reader: _Reader, request: ImageRequest) -> tuple[_Side, _Side]:
    """The victims' and the adversary's files."""
    test = next((name for name in TESTS if (reader.root / name).is_dir()), None)
    if (reader.root / TRAIN).is_dir() and test is not None:

        def order(path: str) -> int:
            return derive(request.seed, "data", "folder", path)

        return (
            _Side(sorted(_paths(reader.root, test), key=order), test),
            _Side(sorted(_paths(reader.root, TRAIN), key=order), TRAIN),
        )
    by_content = _by_content(reader)
    drawn = sorted(
        by_content, key=lambda digest: derive(request.seed, "data", "folder", digest.hex())
    )
    if not request.victims:
        return _Side([]), _Side([by_content[digest] for digest in drawn])
    victims, adversary = (
        _Side([by_content[digest] for digest in drawn if digest[0] % 2 == parity])
        for parity in (0, 1)
    )
    return victims, adversary


def _by_content(reader: _Reader) -> dict[bytes, str]:
    """One file for each content, by its SHA-256."""
    found: dict[bytes, str] = {}
    for path in _paths(reader.root):
        try:
            digest = _digest(reader.root / path)
        except UnreadableImage as error:
            reader.skip(path, error)
            continue
        reader.twins += digest in found
        found.setdefault(digest, path)
    return found


def _digest(path: Path) -> bytes:
    check_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from None


def _paths(root: Path, part: str = "") -> list[str]:
    """The path inside ``root`` of every image file below ``root / part``, sorted.

    Links are followed; hidden files and folders are left out.

    Raises:
        DataError: if a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"the folder {error.filename} cannot be read: {error.strerror}.")

    found: list[str] = []
    visited: set[str] = set()
    for place, folders, files in os.walk(root / part, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        # A folder that links to one above it would be walked forever.
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(place).relative_to(root)
        prefix = "" if inside == Path() else f"{inside.as_posix()}/"
        found += [prefix + name for name in files if has_image_name(name)]
    return sorted(found)
