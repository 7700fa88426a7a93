"""A data set of the Hugging Face hub, from this machine's cache: ``hf:NAME`` or ``hf:NAME:SPLIT``.

With splits ``train`` and ``test`` (or ``validation``) the adversary has the training images and the
victims the test images; the seed chooses which ones. One split, named or alone, is split by
content: the SHA-256 of a file decides its side, so equal files are on one side.

Images are those of the first column of images, read by the rules for photographs (see
``decoding``); classes are those of the first column of class labels. Nothing is fetched unless the
request says so, and no code of a data set is run. NAME may also be a folder of this machine.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage, decode, pixels_of
from ppattack.data.image_files import told
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.data.split_names import TESTS, TRAIN
from ppattack.errors import DataError, MissingPackage
from ppattack.seeding import derive, numpy_stream

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


class HuggingFace(ImageSource):
    """A data set of the hub."""

    card = SourceCard(
        name="hf",
        title="a data set of the Hugging Face hub, from the local cache",
        reference=Reference(
            authors="Q. Lhoest, A. Villanova del Moral, Y. Jernite et al.",
            title="Datasets: A Community Library for Natural Language Processing",
            venue="EMNLP 2021, System Demonstrations",
            year=2021,
            arxiv="2109.02846",
        ),
        argument="NAME[:SPLIT]",
    )
    takes_window = True

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images; the module describes the split.

        Raises:
            MissingPackage: without ``datasets``.
            DataError: if the set is not in the cache and must not or cannot be fetched, or has no
                images.
        """
        name, split = _parts(self.argument)
        found = _opened(name, split, download=request.download)
        skipped: list[str] = []
        sets = [_Split(each, data, request, skipped) for each, data in found.items()]
        train = next((each for each in sets if each.name.lower() in TRAIN), None)
        tests = [each for word in TESTS for each in sets if each.name.lower() == word]
        if train is not None and tests and split is None:
            victims, adversary = tests[0].drawn(), train.drawn()
        elif len(sets) == 1:
            victims, adversary = sets[0].halves()
        else:
            raise DataError(
                f"'{self.argument}' has the splits {', '.join(found)}: name one, hf:{name}:SPLIT."
            )
        chosen = select(f"{self.card.name}:{self.argument}", request, victims, adversary)
        if not skipped:
            return chosen
        note = told("images", "skipped", skipped)
        return replace(chosen, notes=(note, *chosen.notes))


class _Split:
    """The rows of one split."""

    def __init__(self, name: str, data: Any, request: ImageRequest, skipped: list[str]) -> None:
        self.name, self._request, self._skipped = name, request, skipped
        self._column = _first(data, "Image")
        if self._column is None:
            raise DataError(
                f"split '{name}' has no column of images, but {', '.join(data.features)}: name a "
                "data set of images."
            )
        self._label = _first(data, "ClassLabel")
        kind = type(data.features[self._column])
        self._data = data.cast_column(self._column, kind(decode=False))

    def drawn(self) -> Counted:
        """All images in random order."""
        order = numpy_stream(self._request.seed, "data", "hf", self.name)
        rows = order.permutation(len(self._data)).tolist()
        return Counted(self._candidates(rows), len(rows))

    def halves(self) -> tuple[Counted, Counted]:
        """The images of both sides, by content; all are the adversary's if there are no victims."""
        digests = [hashlib.sha256(self._content(row)).digest() for row in range(len(self._data))]
        drawn = sorted(
            range(len(digests)),
            key=lambda row: derive(self._request.seed, "data", "hf", digests[row].hex()),
        )
        sides: tuple[list[int], list[int]] = ([], [])
        for row in drawn:
            sides[digests[row][0] % 2 if self._request.victims else 1].append(row)
        ours, theirs = (Counted(self._candidates(rows), len(rows)) for rows in sides)
        return ours, theirs

    def _candidates(self, rows: list[int]) -> Iterator[tuple[str, Pixels, str | None]]:
        for row in rows:
            name = f"{self.name}[{row}]"
            try:
                content = io.BytesIO(self._content(row))
                window = self._request.window
                image, _ = decode(content, Path(name), photograph=True, window=window)
            except UnreadableImage as error:
                self._skipped.append(f"{name} {error.reason}")
                continue
            yield name, pixels_of(image), self._class(row)

    def _content(self, row: int) -> bytes:
        """The bytes of an image's file."""
        found = self._data[row][self._column]
        if found.get("bytes") is not None:
            return bytes(found["bytes"])
        try:
            return Path(found["path"]).read_bytes()
        except OSError as error:
            raise DataError(f"{found['path']} cannot be read: {error.strerror}.") from None

    def _class(self, row: int) -> str | None:
        if self._label is None:
            return None
        number = self._data[row][self._label]
        known = number is not None and number >= 0
        return str(self._data.features[self._label].int2str(number)) if known else None


def _parts(argument: str) -> tuple[str, str | None]:
    """Name and split of an argument."""
    name, colon, split = argument.rpartition(":")
    return (name, split) if colon and name and split else (argument.rstrip(":"), None)


def _first(data: Any, kind: str) -> str | None:
    """The first column of a kind."""
    found = (name for name, each in data.features.items() if type(each).__name__ == kind)
    return next(found, None)


def _opened(name: str, split: str | None, *, download: bool) -> dict[str, Any]:
    """The splits by name."""
    with _network(allowed=download):
        try:
            import datasets
        except ImportError:
            raise MissingPackage(
                "data sets of the hub need the package datasets, which is not installed: "
                "pip install 'ppattack[hf]'."
            ) from None
        try:
            with _silent(datasets), _online(datasets, allowed=download):
                found = datasets.load_dataset(name, split=split)
        except Exception as error:  # the package raises nearly anything
            words = (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(". ")
            how = (
                "check the name and the network"
                if download
                else "check the name, or add --download to fetch it"
            )
            raise DataError(f"'hf:{name}' cannot be loaded ({words}): {how}.") from None
    return {split: found} if split is not None else dict(found)


@contextmanager
def _network(*, allowed: bool) -> Iterator[None]:
    """The variables by which the package is told, when it is imported, to stay off the network."""
    before = {variable: os.environ.get(variable) for variable in OFFLINE}
    if not allowed:
        os.environ.update(dict.fromkeys(OFFLINE, "1"))
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value


@contextmanager
def _online(datasets: Any, *, allowed: bool) -> Iterator[None]:
    """The same for a package that is imported already."""
    import sys

    hub = sys.modules.get("huggingface_hub.constants")
    places = [(place, name) for place in (datasets.config, hub) for name in OFFLINE
              if place is not None and hasattr(place, name)]  # fmt: skip
    before = [getattr(place, name) for place, name in places]
    for place, name in places:
        setattr(place, name, not allowed)
    try:
        yield
    finally:
        for (place, name), value in zip(places, before, strict=True):
            setattr(place, name, value)


@contextmanager
def _silent(datasets: Any) -> Iterator[None]:
    """No bars of the package's own."""
    was = datasets.utils.logging.get_verbosity()
    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.utils.logging.set_verbosity(was)
        datasets.enable_progress_bars()
