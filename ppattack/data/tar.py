"""Images in tar files, as WebDataset keeps them.

If the names of the tar files of a folder begin with ``train`` and others with ``test`` or ``val``,
the adversary has the training images and the victims the others. Otherwise images are split by
content, as those of a folder: the SHA-256 of an image's bytes decides its side (half each, on
average). If no victims are requested, the adversary has them all. The class of an image is the
text of the ``.cls`` file beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import UnreadableImage
from ppattack.data.fingerprint import of_files
from ppattack.data.image_files import told
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.data.tar_files import Member, members, tar_paths
from ppattack.errors import DataError
from ppattack.files import user_path
from ppattack.seeding import derive

TRAIN, TEST = ("train",), ("test", "val")


class Tar(ImageSource):
    """Images in tar files: ``tar:PATH``."""

    card = SourceCard(
        name="tar",
        title="WebDataset shards: a tar file of images, or a folder of such files",
        reference=Reference(
            authors="T. Breuel et al.",
            title="WebDataset",
            venue="github.com/webdataset/webdataset",
            year=2020,
        ),
        argument="PATH",
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images; the module describes the split.

        Raises:
            DataError: for a missing or damaged tar file, or too few images.
        """
        skipped: list[str] = []
        victims, adversary = _sides(members(user_path(self.argument)), request)
        sets = select(
            f"{self.card.name}:{self.argument}",
            request,
            Counted(_images(victims, skipped), len(victims)),
            Counted(_images(adversary, skipped), len(adversary)),
        )
        if not skipped:
            return sets
        note = told("images", "skipped", skipped)
        return replace(sets, notes=(note, *sets.notes))

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        return of_files((path.name, path) for path in tar_paths(user_path(self.argument)))


def _sides(found: list[Member], request: ImageRequest) -> tuple[list[Member], list[Member]]:
    """The victims' and the adversary's images, in the order in which to take them."""

    def drawn(images: list[Member]) -> list[Member]:
        names = {image: f"{image.tar.name}/{image.name}" for image in images}
        return sorted(images, key=lambda each: derive(request.seed, "data", "tar", names[each]))

    train, test = (
        [image for image in found if image.tar.name.lower().startswith(part)]
        for part in (TRAIN, TEST)
    )
    if train and test:
        return drawn(test), drawn(train)
    if not request.victims:
        return [], drawn(found)
    odd = [image for image in found if _digest(image) % 2]
    odds = set(odd)
    return drawn([image for image in found if image not in odds]), drawn(odd)


def _digest(image: Member) -> int:
    try:
        return hashlib.sha256(image.content()).digest()[0]
    except UnreadableImage as error:
        raise DataError(str(error)) from None


def _images(found: list[Member], skipped: list[str]) -> Iterator[tuple[str, Pixels, str | None]]:
    """Name, pixels and class of every readable image."""
    for image in found:
        try:
            yield image.name, image.pixels(photograph=True), image.category
        except UnreadableImage as error:
            skipped.append(f"{image.name} {error.reason}")
