"""The image-source contract, and what every source shares."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ppattack.card import Reference
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, DataError
from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SourceCard:
    """What an image source is.

    Args:
        name: the registered name, lower case.
        title: one line for people.
        reference: where the images come from.
        argument: what follows the name and a colon, for example ``"DIR"``; ``""`` if nothing does.
        public: whether anybody has its images, and they may be kept in the user's cache; only for
            sources without classes.
    """

    name: str
    title: str
    reference: Reference
    argument: str = ""
    public: bool = False


@dataclass(frozen=True)
class ImageRequest:
    """What a run requests from a source.

    Args:
        victims: images to encrypt and score; 0 if only the adversary's are wanted.
        adversary: images of the same distribution for the adversary; 0 for none.
        size: edge of the square images in pixels, or None for the source's own size.
        seed: the run's seed; a source that samples uses it.
        download: whether the source may fetch its files from the network.
        pairs: how many of the victims' images become known pairs and are not scored.
        distractors: images of the victims' kind that neither side has, at most; a source that has
            none left, or does not know of them, gives none.
        window: which levels of images of more than 8 bits become black and white; None for what
            their files say.
        shape: height and width in pixels if the images are not square; ``size`` is then the longer
            of both.

    Raises:
        ConfigError: for a number out of range, or an empty request.
    """

    victims: int
    adversary: int
    size: int | None = 32
    seed: int = 0
    download: bool = False
    pairs: int = 0
    distractors: int = 0
    window: Window | None = None
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if min(self.victims, self.adversary) < 0 or self.victims + self.adversary < 1:
            raise ConfigError(
                f"{self.victims} victims' and {self.adversary} adversary's images were asked for: "
                "neither may be negative, and one must be at least 1."
            )
        if self.size is not None and self.size < 1:
            raise ConfigError(f"size {self.size} is not valid: it must be at least 1 pixel.")
        if self.shape is not None and (min(self.shape) < 1 or self.size != max(self.shape)):
            raise ConfigError(
                f"shape {self.shape} is not valid: both must be at least 1 pixel, and size, which "
                f"is {self.size}, the longer of them."
            )

    @property
    def wanted_shape(self) -> tuple[int, int] | None:
        """Height and width that images are brought to; None for those that they have."""
        if self.shape is not None or self.size is None:
            return self.shape
        return self.size, self.size


@dataclass(frozen=True)
class ImageSets:
    """Images for the two sides, disjoint unless ``overlap`` says otherwise.

    Args:
        name: the source with its argument, for reports.
        victims: ``(N, C, H, W)`` uint8.
        adversary: ``(M, C, H, W)`` uint8; may hold fewer images than requested.
        notes: facts for the report (files skipped and why, images held twice).
        classes: names of the classes; empty if the source has none.
        victim_labels: ``(N,)`` int64, the index of each image's class, or None.
        adversary_labels: ``(M,)`` int64, likewise.
        overlap: whether the adversary deliberately has the victims' images.
        owner: ``(K, C, H, W)`` uint8 images on which a scheme's owner trains it, neither the
            victims' nor the adversary's; None unless the scheme is trained.
        owner_labels: ``(K,)`` int64, likewise.
        distractors: ``(D, C, H, W)`` uint8 images that nobody has, drawn like the victims', among
            which the scorer looks for these; None for none.

    Raises:
        DataError: for labels of the wrong number, or beyond the classes.
    """

    name: str
    victims: Tensor
    adversary: Tensor
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    victim_labels: Tensor | None = None
    adversary_labels: Tensor | None = None
    overlap: bool = False
    owner: Tensor | None = None
    owner_labels: Tensor | None = None
    distractors: Tensor | None = None

    def __post_init__(self) -> None:
        _check_labels(self.victims, self.victim_labels, self.classes, self.name)
        if self.owner is not None:
            _check_labels(self.owner, self.owner_labels, self.classes, self.name)
        _check_labels(self.adversary, self.adversary_labels, self.classes, self.name)

    def first_victims(self, count: int) -> ImageSets:
        """The same with only the first of the victims' images, and their labels."""
        labels = self.victim_labels
        return replace(
            self,
            victims=self.victims[:count],
            victim_labels=None if labels is None else labels[:count],
        )

    def with_owner(self, count: int) -> ImageSets:
        """The same with the last of the adversary's images, and their labels, given to the owner.

        Raises:
            DataError: if there are too few.
        """
        rest = len(self.adversary) - count
        if rest < 0:
            raise DataError(
                f"{self.name} leaves {len(self.adversary)} images for the owner of the scheme to "
                f"train it on, not {count}: use a smaller -n or target.images."
            )
        labels = self.adversary_labels
        return replace(
            self,
            adversary=self.adversary[:rest],
            adversary_labels=None if labels is None else labels[:rest],
            owner=self.adversary[rest:],
            owner_labels=None if labels is None else labels[rest:],
        )

    def overlapping(self, seed: int | bytes) -> ImageSets:
        """The same with the victims' images given to the adversary, in another order.

        Published evaluations of trained attacks do so. The victims' images are then no secret, and
        the results of such a run are comparable with published figures and nothing else.
        """
        import torch

        order = numpy_stream(seed, "overlap").permutation(len(self.victims))
        rows, labels = torch.from_numpy(order), self.victim_labels
        return replace(
            self,
            name=f"{self.name}, the adversary holding the victims' images",
            adversary=self.victims[rows],
            adversary_labels=None if labels is None else labels[rows],
            notes=(*self.notes, "published overlap: the adversary holds the victims' images"),
            overlap=True,
            distractors=None,
        )

    def without(self, images: Tensor) -> ImageSets:
        """The same without the adversary's images, and their labels, that are among these."""
        others = set(content_hashes(images))
        found = content_hashes(self.adversary)
        keep = [i for i, content in enumerate(found) if content not in others]
        dropped = len(found) - len(keep)
        if not dropped:
            return self
        note = f"{dropped} public images that are also the victims' were taken from the adversary"
        labels = self.adversary_labels
        return replace(
            self,
            adversary=self.adversary[keep],
            adversary_labels=None if labels is None else labels[keep],
            notes=(*self.notes, note),
        )

    @property
    def hash(self) -> str:
        """16 hexadecimal digits over shapes and pixels of both sides; labels do not count."""
        digest = hashlib.sha256()
        owner = () if self.owner is None else (self.owner,)
        for images in (self.victims, self.adversary, *owner):
            digest.update(str(tuple(images.shape)).encode())
            digest.update(images.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def label_hash(self) -> str:
        """16 hexadecimal digits over the classes and the labels of both sides."""
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for labels in (self.victim_labels, self.adversary_labels):
            digest.update(json.dumps(None if labels is None else labels.tolist()).encode())
        return digest.hexdigest()[:16]


def _check_labels(
    images: Tensor, labels: Tensor | None, classes: tuple[str, ...], name: str
) -> None:
    if labels is None:
        return
    if tuple(labels.shape) != (len(images),):
        raise DataError(
            f"{name} has labels of shape {tuple(labels.shape)} for {len(images)} images: "
            "one class index per image is needed."
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise DataError(
            f"{name} has labels from {int(labels.min())} to {int(labels.max())} for "
            f"{len(classes)} classes: labels are indices into the classes."
        )


class ImageSource(ABC):
    """Where images come from.

    Args:
        argument: what followed the name and a colon, ``""`` if nothing did.

    Raises:
        DataError: for an argument that the source does not take, or one that is missing.
    """

    card: ClassVar[SourceCard]
    takes_window: ClassVar[bool] = False
    """Whether its files may have more than 8 bits, which ``window`` says how to show."""

    def __init__(self, argument: str = "") -> None:
        name, wanted = self.card.name, self.card.argument
        if wanted and not argument:
            raise DataError(f"'{name}' needs to know where the images are: use {name}:{wanted}.")
        if argument and not wanted:
            raise DataError(
                f"'{name}' takes nothing after the colon: use {name}, not {name}:{argument}."
            )
        self.argument = argument

    @abstractmethod
    def load(self, request: ImageRequest) -> ImageSets:
        """Images for both sides, disjoint, and the same for the same request.

        Raises:
            DataError: if the source is missing, or has too few images for the victims.
        """

    def fingerprint(self, *, labels: bool) -> str | None:
        """A hash of everything that the images are made from, taken without decoding any.

        With the same fingerprint and the same files of the source's code, equal requests give
        equal images. A source that returns None is loaded to know what it holds.

        Args:
            labels: whether classes count; what is hashed may hold them either way.
        """
        del labels
        return None


def content_hashes(images: Tensor) -> list[str]:
    """The SHA-256 of each image's shape and pixels."""
    shape = str(tuple(images.shape[1:])).encode()
    rows = images.contiguous().numpy()
    return [hashlib.sha256(shape + row.tobytes()).hexdigest() for row in rows]
