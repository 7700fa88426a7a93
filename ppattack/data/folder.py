"""Image files in the user's own folder.

With ``train/`` and ``test/`` inside, the adversary has the training images and the victims the test
images, at any depth of class folders; the seed chooses which ones, by their paths. The names may be
in any case, and ``training``, and ``testing``, ``val``, ``valid`` or ``validation``. If the folder
consists of one other folder, they may be in there.

Any other folder is split by content: the SHA-256 of a file decides its side (half each, on
average), so names do not matter, adding a file moves no other, and equal files are on one side. If
no victims are requested, the adversary has them all.

The class of an image is the folder directly below DIR, or below ``train/`` and ``test/``, that
contains it at any depth; an image directly in one of those has none. A data set that has only one
such part has the classes below it; beside folders of other names, such a name is a class.

Hidden folders and those of this program's own results are passed over.

Files are read by the rules for photographs (see ``decoding``); one that cannot be read is skipped
and named in the notes. With a size, images are cut to the square in their middle and
resized; without one they must all have the same size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage, check_file, open_image, pixels_of
from ppattack.data.fingerprint import of_files
from ppattack.data.image_files import check_folder, has_image_name, in_short
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.data.split_names import Layout, read_layout
from ppattack.errors import DataError
from ppattack.files import holds_results, user_path, walk
from ppattack.seeding import derive


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
                Counted(reader.images(victims), len(victims)),
                Counted(reader.images(adversary), len(adversary)),
            )
        except DataError as error:
            skipped = reader.notes()
            raise DataError(" ".join([str(error), *skipped])) from None
        return replace(sets, notes=(*reader.notes(), *sets.notes))

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        root = user_path(self.argument)
        check_folder(root)
        return of_files((path, root / path) for path in _paths(root, left_out=_results(root)))


class _Reader:
    """Reads the files of one folder and remembers what it had to skip or convert."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = _results(root)
        self.layout: Layout = read_layout(root, self.results)
        self.skipped: list[str] = []
        self.converted: list[str] = []
        self.twins = 0

    def images(self, paths: list[str]) -> Iterator[tuple[str, Pixels, str | None]]:
        """Path inside the folder, pixels and class of every readable file."""
        for path in paths:
            try:
                image, remark = open_image(self.root / path, photograph=True)
            except UnreadableImage as error:
                self.skip(path, error)
                continue
            if remark:
                self.converted.append(f"{path} ({remark})")
            yield path, pixels_of(image), self.layout.class_of(path)

    def paths(self, part: str = "") -> list[str]:
        """The image files below the folder, or below a part of it."""
        return _paths(self.root, part, self.results)

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
        if self.results:
            notes.append(
                f"{len(self.results)} folders of ppattack's own results were left out: "
                f"{in_short(sorted(self.results))}."
            )
        notes += self.layout.notes
        return notes


def _sides(reader: _Reader, request: ImageRequest) -> tuple[list[str], list[str]]:
    """The victims' and the adversary's files, in the order in which to take them."""
    layout = reader.layout
    if layout.train is not None and layout.test is not None:

        def order(path: str) -> int:
            return derive(request.seed, "data", "folder", path)

        return (
            sorted(reader.paths(layout.test), key=order),
            sorted(reader.paths(layout.train), key=order),
        )
    by_content = _by_content(reader)
    drawn = sorted(
        by_content, key=lambda digest: derive(request.seed, "data", "folder", digest.hex())
    )
    if not request.victims:
        return [], [by_content[digest] for digest in drawn]
    victims, adversary = (
        [by_content[digest] for digest in drawn if digest[0] % 2 == parity] for parity in (0, 1)
    )
    return victims, adversary


def _by_content(reader: _Reader) -> dict[bytes, str]:
    """One file for each content, by its SHA-256."""
    found: dict[bytes, str] = {}
    for path in reader.paths():
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


def _paths(root: Path, part: str = "", left_out: frozenset[str] = frozenset()) -> list[str]:
    """The path inside ``root`` of every image file below ``root / part``, sorted.

    Raises:
        DataError: if a folder cannot be read.
    """
    found: list[str] = []
    for place, files in walk(root / part, lambda folder: _inside(root, folder) in left_out):
        prefix = "" if place == root else f"{_inside(root, place)}/"
        found += [prefix + name for name in files if has_image_name(name)]
    return sorted(found)


def _results(root: Path) -> frozenset[str]:
    """The folders inside that hold results of this program, without those inside of these."""
    found: set[str] = set()

    def passed_over(folder: Path) -> bool:
        ours = holds_results(folder) or folder.name.endswith(".partial")
        if ours:
            found.add(_inside(root, folder))
        return ours

    for _ in walk(root, passed_over):
        pass
    return frozenset(found)


def _inside(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
