"""The image-source contract, and what every source shares."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ppattack.card import Reference
from ppattack.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SourceCard:
    """What an image source is.

    Args:
        name: the registered name, lower case.
        title: one line for people.
        reference: where the images come from.
        argument: what follows the name and a colon, for example ``"DIR"``; ``""`` for nothing.
    """

    name: str
    title: str
    reference: Reference
    argument: str = ""


@dataclass(frozen=True)
class ImageRequest:
    """What a run asks of a source.

    Args:
        victims: images to encrypt and score; 0 where only the adversary's are wanted.
        adversary: images of the same distribution for the adversary; 0 for none.
        size: edge of the square images in pixels, or None for the source's own size.
        seed: the run's seed; a source that samples does so by it.
        download: whether the source may fetch its files from the network.

    Raises:
        ConfigError: for a number out of range, or a request for nothing.
    """

    victims: int
    adversary: int
    size: int | None = 32
    seed: int = 0
    download: bool = False

    def __post_init__(self) -> None:
        if min(self.victims, self.adversary) < 0 or self.victims + self.adversary < 1:
            raise ConfigError(
                f"{self.victims} victims' and {self.adversary} adversary's images were asked for: "
                "neither may be negative, and one must be at least 1."
            )
        if self.size is not None and self.size < 1:
            raise ConfigError(f"size {self.size} is not valid: it must be at least 1 pixel.")


@dataclass(frozen=True)
class ImageSets:
    """Disjoint images for the two sides.

    Args:
        name: the source with its argument, for reports.
        victims: ``(N, C, H, W)`` uint8.
        adversary: ``(M, C, H, W)`` uint8; may hold fewer images than asked.
        notes: facts for the report (files skipped and why, images held twice).
    """

    name: str
    victims: Tensor
    adversary: Tensor
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """16 hexadecimal digits over shapes and pixels of both sides."""
        digest = hashlib.sha256()
        for images in (self.victims, self.adversary):
            digest.update(str(tuple(images.shape)).encode())
            digest.update(images.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


class ImageSource(ABC):
    """Where images come from.

    Args:
        argument: what followed the name and a colon, ``""`` where nothing did.

    Raises:
        DataError: for an argument that the source does not take, or one that is missing.
    """

    card: ClassVar[SourceCard]

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
        """Images for both sides, disjoint, deterministic for a request.

        Raises:
            DataError: where the source is missing, or has too few images for the victims.
        """


def content_hashes(images: Tensor) -> list[str]:
    """The SHA-256 of each image's shape and pixels."""
    shape = str(tuple(images.shape[1:])).encode()
    rows = images.contiguous().numpy()
    return [hashlib.sha256(shape + row.tobytes()).hexdigest() for row in rows]
