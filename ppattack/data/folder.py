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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage, check_file, open_image, pixels_of
from ppattack.data.fingerprint import of_files
from ppattack.data.image_files import check_folder, has_image_name, in_short, told
from ppattack.data.selection import Candidates, Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.data.split_names import Layout, read_layout
from ppattack.data.windows import Window
from ppattack.errors import DataError
from ppattack.files import holds_results, user_path, walk
from ppattack.seeding import derive


@dataclass(frozen=True)
class Frame:
    """One image of a file.

    Args:
        pixels: ``(H, W, C)`` uint8.
        remark: what had to be converted, or ``""``.
        part: what tells it from others of its file, or ``""``.
    """

    pixels: Pixels
    remark: str = ""
    part: str = ""


class Folder(ImageSource):
    """Images in a folder: ``folder:DIR``.

    A source of other files overrides ``is_image``, ``frames`` and ``side_of``.
    """

    takes_window = True
    tells_names: ClassVar[bool] = True
    """Whether names of files and classes may be in a report."""

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
        reader = _Reader(root, self, request.window)
        victims, adversary = _sides(reader, request)
        try:
            sets = select(
                f"{self.card.name}:{self.argument}",
                request,
                self._candidates(reader, victims),
                self._candidates(reader, adversary),
            )
        except DataError as error:
            skipped = reader.notes()
            raise DataError(" ".join([str(error), *skipped])) from None
        return replace(sets, notes=(*reader.notes(), *sets.notes))

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        root = user_path(self.argument)
        check_folder(root)
        paths = _paths(root, self.is_image, left_out=_results(root))
        return of_files((path, f"{root}/{path}") for path in paths)

    def is_image(self, folder: Path, name: str) -> bool:
        """Whether a file of some folder is taken for an image."""
        del folder
        return has_image_name(name)

    def frames(self, path: Path, window: Window | None) -> Iterable[Frame]:
        """The images of a file.

        Raises:
            UnreadableImage: with the reason.
        """
        image, remark = open_image(path, photograph=True, window=window)
        return [Frame(pixels_of(image), remark)]

    def side_of(self, path: Path, digest: bytes) -> bytes:
        """Bytes of which the first decides the side of a file, by the SHA-256 of its content."""
        del path
        return digest

    def _candidates(self, reader: _Reader, paths: list[str]) -> Candidates:
        """The images of files, of which it is known how many there are if each holds one."""
        found = reader.images(paths)
        return Counted(found, len(paths)) if type(self).frames is Folder.frames else found


class _Reader:
    """Reads the files of one folder and remembers what it had to skip or convert."""

    def __init__(self, root: Path, source: Folder, window: Window | None) -> None:
        self.root = root
        self.source, self.window = source, window
        self.results = _results(root)
        self.layout: Layout = read_layout(root, self.results)
        self.skipped: list[str] = []
        self.converted: list[str] = []
        self.twins = 0

    def images(self, paths: list[str]) -> Iterator[tuple[str, Pixels, str | None]]:
        """Path inside the folder, pixels and class of every readable file."""
        for path in paths:
            try:
                for frame in self.source.frames(self.root / path, self.window):
                    if frame.remark:
                        self.converted.append(f"{self.called(path)} ({frame.remark})")
                    yield self.called(path) + frame.part, frame.pixels, self.class_of(path)
            except UnreadableImage as error:
                self.skip(path, error)

    def paths(self, part: str = "") -> list[str]:
        """The image files below the folder, or below a part of it."""
        return _paths(self.root, self.source.is_image, part, self.results)

    def called(self, path: str) -> str:
        """A file in reports: its path, or its number if names tell too much."""
        if self.source.tells_names:
            return path
        return f"file {self.numbers[path]}"

    def class_of(self, path: str) -> str | None:
        """The class of a file, likewise."""
        name = self.layout.class_of(path)
        if name is None or self.source.tells_names:
            return name
        known = sorted({self.layout.class_of(each) or "" for each in self.numbers} - {""})
        return f"class {known.index(name) + 1:03d}"

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of every image file, from 1, in their order."""
        return {path: number for number, path in enumerate(self.paths(), 1)}

    def skip(self, path: str, error: UnreadableImage) -> None:
        """Remember a file that cannot be read."""
        self.skipped.append(f"{self.called(path)} {error.reason}")

    def notes(self) -> list[str]:
        """Facts for the report."""
        notes = []
        if self.skipped:
            notes.append(told("files", "skipped", self.skipped))
        if self.converted:
            notes.append(told("files", "converted", self.converted))
        if self.twins:
            notes.append(f"{self.twins} files are copies of others and were left out.")
        if self.results:
            named = f": {in_short(sorted(self.results))}" if self.source.tells_names else ""
            notes.append(
                f"{len(self.results)} folders of ppattack's own results were left out{named}."
            )
        notes += self.layout.notes if self.source.tells_names else ()
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
    sides: tuple[list[str], list[str]] = ([], [])
    for digest in drawn:
        path = by_content[digest]
        sides[reader.source.side_of(reader.root / path, digest)[0] % 2].append(path)
    return sides


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


def _paths(
    root: Path,
    is_image: Callable[[Path, str], bool],
    part: str = "",
    left_out: frozenset[str] = frozenset(),
) -> list[str]:
    """The path inside ``root`` of every image file below ``root / part``, sorted.

    Raises:
        DataError: if a folder cannot be read.
    """
    found: list[str] = []
    for place, files in walk(root / part, lambda folder: _inside(root, folder) in left_out):
        prefix = "" if place == root else f"{_inside(root, place)}/"
        found += [prefix + name for name in files if is_image(place, name)]
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
