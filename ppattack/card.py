"""Declarative cards: what a plug-in is, who published it, what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KeyScope = Literal["dataset", "image"]
KEYS_IN_WORDS: dict[KeyScope, str] = {
    "dataset": "one key for all images",
    "image": "one key per image",
}


@dataclass(frozen=True)
class Reference:
    """A published source.

    Args:
        authors: as printed, separated by commas.
        title: the title of the paper (or of the code base).
        venue: journal, conference or archive, with volume and pages if known.
        year: year of publication.
        doi: the DOI without a resolver, or ``""``.
        arxiv: the arXiv identifier, or ``""``.
    """

    authors: str
    title: str
    venue: str
    year: int
    doi: str = ""
    arxiv: str = ""

    def __str__(self) -> str:
        if not self.authors:
            return self.title
        where = f"doi:{self.doi}" if self.doi else f"arXiv:{self.arxiv}" if self.arxiv else ""
        parts = [f"{self.authors}: {self.title}", f"{self.venue} ({self.year})", where]
        return ". ".join(part for part in parts if part)


UNPUBLISHED = Reference("", "not published", "", 0)
"""The source of a scheme whose card names none."""


@dataclass(frozen=True)
class TargetCard:
    """What a scheme is.

    Args:
        name: the registered name, lower case.
        title: one line for people.
        reference: where it was published, if it was.
        cipher: ``"image"`` or ``"tokens"``.
        invertible: whether decryption is exact (in the default configuration).
        batch_dependent: whether a ciphertext depends on the other images of its batch.
        channels: channel counts it accepts.
        key_scopes: scopes it supports, the default first.
        deterministic: whether the same images, key and generator give the same ciphertexts.
    """

    name: str
    title: str = ""
    reference: Reference = UNPUBLISHED
    cipher: Literal["image", "tokens"] = "image"
    invertible: bool = True
    batch_dependent: bool = False
    channels: tuple[int, ...] = (1, 3)
    key_scopes: tuple[KeyScope, ...] = ("dataset", "image")
    deterministic: bool = True
