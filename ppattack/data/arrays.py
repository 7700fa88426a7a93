"""Images of the calling program, for notebooks.

The program holds them while a run is under way. Each side's are taken from the first on, so that
the calling program knows which of its images a row of a report is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError

_numbers = count()


@dataclass(frozen=True, eq=False)
class Side:
    """The images of one side.

    Args:
        images: ``(N, H, W, C)`` uint8, C of 1 or 3.
        classes: the name of each image's class, or None.
    """

    images: Pixels
    classes: tuple[str, ...] | None = None

    def candidates(self, name: str) -> Counted:
        """Every image, with its class."""

        def each() -> Iterator[tuple[str, Pixels, str | None]]:
            for row, image in enumerate(self.images):
                yield f"{name}[{row}]", image, self.classes[row] if self.classes else None

        return Counted(each(), len(self.images))


@dataclass(frozen=True, eq=False)
class Given:
    """The images of both sides."""

    victims: Side
    adversary: Side


_held: dict[str, Given] = {}


@contextmanager
def holding(given: Given) -> Iterator[str]:
    """A context in which images are a source.

    Gives:
        its name, for ``RunRequest.data``.
    """
    name = str(next(_numbers))
    _held[name] = given
    try:
        yield f"{Arrays.card.name}:{name}"
    finally:
        del _held[name]


class Arrays(ImageSource):
    """Images that the calling program holds."""

    card = SourceCard(
        name="arrays",
        title="arrays of the calling program",
        reference=Reference("", "images of the caller", "", 0),
        argument="NUMBER",
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """The first images of each side.

        Raises:
            DataError: if there are too few, or the program holds none.
        """
        given = self._given()
        return select(
            self.card.name,
            request,
            given.victims.candidates("images"),
            given.adversary.candidates("public"),
        )

    @override
    def fingerprint(self, *, labels: bool) -> str:
        given = self._given()
        digest = hashlib.sha256()
        for side in (given.victims, given.adversary):
            digest.update(str(side.images.shape).encode() + side.images.tobytes())
            digest.update(repr(side.classes if labels else None).encode())
        return digest.hexdigest()

    def _given(self) -> Given:
        if self.argument not in _held:
            raise DataError(
                f"no program holds images '{self.argument}': the source 'arrays' is for "
                "ppattack.attack(images, ...) and ppattack.audit in Python; use --data npz:FILE."
            )
        return _held[self.argument]
