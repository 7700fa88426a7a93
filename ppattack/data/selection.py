"""From candidates to two disjoint sets: sizes, repeats, counts. Every source ends up here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.data.decoding import pixels_of
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import DataError
from ppattack.machine import physical_bytes

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

GIB = 1 << 30
Pixels = NDArray[np.uint8]
Candidates = Iterable[tuple[str, Pixels] | tuple[str, Pixels, str | None]]
"""Names and images ``(H, W, C)`` uint8, in the order in which they should be taken; if there are
classes, with the name of the image's class or None."""


@dataclass(frozen=True)
class Counted:
    """Candidates of which it is known how many there are, at most.

    Args:
        candidates: as above.
        count: how many.
    """

    candidates: Candidates
    count: int

    def __iter__(self) -> Iterator[Any]:
        return iter(self.candidates)

    def __len__(self) -> int:
        return self.count


def select(
    name: str, request: ImageRequest, victims: Candidates, adversary: Candidates
) -> ImageSets:
    """Take images for both sides, each content once: no image is on both sides, or twice on one.

    Distractors are what the victims' candidates hold beyond that; those of another size are passed
    over.

    Candidates are read one at a time and only as far as needed. If the request names a size, an
    image of another size is cut to the square (or the part of the wanted ``shape``) in its middle
    and resized (antialiased); one of that size is taken as it is. One channel if every image is
    grey; else grey images become RGB. If every image taken has a class, the sets have labels; the
    classes are those of the images taken, sorted by name.

    Args:
        name: the source, for messages and the report.
        request: how many images, and their size.
        victims: candidates for the victims.
        adversary: candidates for the adversary; those that the victims hold are skipped.

    Raises:
        DataError: if there are too few for the victims, nothing is found, or sizes differ and none
            was given.
    """
    _check_counts(name, request, victims, adversary)
    picker = _Picker(name, request.wanted_shape)
    drawn = iter(victims)
    ours, our_classes = picker.take(drawn, request.victims)
    _check_victims(name, request, len(ours))
    theirs, their_classes = picker.take(adversary, request.adversary)
    if not ours and not theirs:
        raise DataError(f"{name} holds no images for the adversary: name another source.")
    notes = picker.notes()
    if len(theirs) < request.adversary:
        notes.append(
            f"the adversary has {len(theirs)} images, not {request.adversary}: there are no more"
        )
    others, _ = picker.take(picker.comparable(drawn), request.distractors)
    shape = _shape([*ours, *theirs])
    others = [image for image in others if image.shape[2] <= shape[0]]
    classes = _names([*our_classes, *their_classes])
    return ImageSets(
        name,
        _stack(ours, shape),
        _stack(theirs, shape),
        tuple(notes),
        classes,
        _numbers(our_classes, classes),
        _numbers(their_classes, classes),
        distractors=_stack(others, shape) if others else None,
    )


def _check_counts(
    name: str, request: ImageRequest, victims: Candidates, adversary: Candidates
) -> None:
    """Refuse at once what can never be had, if the candidates say how many they are."""
    if isinstance(victims, Counted):
        _check_victims(name, request, len(victims))
    if request.wanted_shape is None:
        return
    height, width = request.wanted_shape
    wanted = request.victims + (
        min(request.adversary, len(adversary))
        if isinstance(adversary, Counted)
        else request.adversary
    )
    needed, there = wanted * 3 * height * width, physical_bytes()
    if there is not None and needed > there:
        raise DataError(
            f"{wanted} images of {_edges(height, width)} take {needed / GIB:.0f} GiB, and this "
            f"machine has {there / GIB:.0f}: use a smaller -n, --adversary or --size."
        )


def _check_victims(name: str, request: ImageRequest, count: int) -> None:
    if count >= request.victims:
        return
    left = count - request.pairs
    mend = f"use -n {left}" if left > 0 else "name a source that holds more images"
    pairs = f" ({request.pairs} of them for known pairs)" if request.pairs else ""
    raise DataError(
        f"{name} holds {count} image{'s' * (count != 1)} for the victims, "
        f"not {request.victims}{pairs}: {mend}."
    )


def centre(image: Image, height: int, width: int) -> Image:
    """The largest part in the middle that is shaped so, resized with antialiasing."""
    from PIL.Image import Resampling

    scale = min(image.height / height, image.width / width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    left, top = (image.width - wide) // 2, (image.height - tall) // 2
    part = image.crop((left, top, left + wide, top + tall))
    return part.resize((width, height), Resampling.LANCZOS)


class _Picker:
    """What has been taken so far."""

    def __init__(self, name: str, shape: tuple[int, int] | None) -> None:
        self.name = name
        self.shape = shape
        self.seen: set[bytes] = set()
        self.repeats = 0
        self.enlarged = 0
        self.first: tuple[str, Pixels] | None = None

    def take(self, candidates: Candidates, count: int) -> tuple[list[Pixels], list[str | None]]:
        """Up to ``count`` images whose content has not been taken yet, with their classes."""
        taken: list[Pixels] = []
        classes: list[str | None] = []
        if count == 0:
            return taken, classes
        for name, stored, *category in candidates:
            pixels = self._sized(name, stored)
            content = _content(pixels)
            if content in self.seen:
                self.repeats += 1
                continue
            self.seen.add(content)
            self.enlarged += pixels.shape[0] > stored.shape[0] or pixels.shape[1] > stored.shape[1]
            taken.append(pixels)
            classes.append(category[0] if category else None)
            if len(taken) == count:
                break
        return taken, classes

    def comparable(self, candidates: Candidates) -> Candidates:
        """The candidates that can be brought to the size of the images taken."""
        for candidate in candidates:
            if self.shape or not self.first or candidate[1].shape[:2] == self.first[1].shape[:2]:
                yield candidate

    def notes(self) -> list[str]:
        """Facts for the report."""
        notes = []
        if self.repeats:
            notes.append(f"{self.repeats} images with the content of another were skipped")
        if self.enlarged and self.shape:
            size = _edges(*self.shape)
            notes.append(f"{self.enlarged} images were smaller than {size} and enlarged")
        return notes

    def _sized(self, name: str, pixels: Pixels) -> Pixels:
        from PIL import Image

        if self.shape is not None and pixels.shape[:2] != self.shape:
            grey = pixels.shape[2] == 1
            image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
            return pixels_of(centre(image, *self.shape))
        self.first = self.first or (name, pixels)
        other, found = self.first
        if pixels.shape[:2] != found.shape[:2]:
            raise DataError(
                f"{self.name} holds images of different sizes: {other} is {_size_text(found)}, "
                f"{name} is {_size_text(pixels)}: choose one with --size."
            )
        return pixels


def _content(pixels: Pixels) -> bytes:
    """A hash that is the same for a grey image and its RGB copy."""
    shape = (*pixels.shape[:2], 3)
    return hashlib.sha256(str(shape).encode() + np.broadcast_to(pixels, shape).tobytes()).digest()


def _names(classes: list[str | None]) -> tuple[str, ...]:
    """The names of the classes, sorted; none if an image has no class."""
    names = {name for name in classes if name is not None}
    return () if None in classes else tuple(sorted(names))


def _numbers(classes: list[str | None], names: tuple[str, ...]) -> Tensor | None:
    """The place of each image's class among the names, or None if there are no names."""
    import torch

    if not names:
        return None
    place: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    return torch.tensor([place[name] for name in classes], dtype=torch.int64)


def _shape(images: list[Pixels]) -> tuple[int, int, int]:
    height, width = images[0].shape[:2]
    return max(image.shape[2] for image in images), height, width


def _stack(images: list[Pixels], shape: tuple[int, int, int]) -> Tensor:
    """``(N, C, H, W)``; empties the list as it goes, so that few images are held twice."""
    import torch

    stack = np.empty((len(images), *shape), np.uint8)
    for i in reversed(range(len(images))):
        stack[i] = images.pop().transpose(2, 0, 1)
    return torch.from_numpy(stack)


def _edges(height: int, width: int) -> str:
    return f"{height} px" if height == width else f"{width}x{height} px"


def _size_text(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
