"""Declarative cards: what a plug-in is, who published it, what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ppattack.errors import PluginError

KeyScope = Literal["dataset", "image"]


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
        where = f"doi:{self.doi}" if self.doi else f"arXiv:{self.arxiv}" if self.arxiv else ""
        parts = [f"{self.authors}: {self.title}", f"{self.venue} ({self.year})", where]
        return ". ".join(part for part in parts if part)


@dataclass(frozen=True)
class TargetCard:
    """What a scheme is.

    Args:
        name: the registered name, lower case.
        title: one line for people.
        reference: where it was published.
        cipher: ``"image"`` or ``"tokens"``.
        invertible: whether decryption is exact (in the default configuration).
        batch_dependent: whether a ciphertext depends on the other images of its batch.
        channels: channel counts it accepts.
        key_scopes: scopes it supports, the default first.
    """

    name: str
    title: str
    reference: Reference
    cipher: Literal["image", "tokens"] = "image"
    invertible: bool = True
    batch_dependent: bool = False
    channels: tuple[int, ...] = (1, 3)
    key_scopes: tuple[KeyScope, ...] = ("dataset", "image")


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def check_names(kind: str, spec: str, name: object, settings: Iterable[object] = ()) -> None:
    """Refuse names that cannot be part of the name of a folder, or of a setting.

    Args:
        kind: ``attack``, ``target`` or ``dataset``, for the message.
        spec: what the user called the plug-in.
        name: on its card.
        settings: names of its settings.

    Raises:
        PluginError: if one of them is not text that every system takes for a single name.
    """
    fits = isinstance(name, str) and _NAME.fullmatch(name) and not name.endswith(".")
    if not fits or _DEVICE.fullmatch(str(name)):
        raise PluginError(
            f"{kind} {_shown(spec)}: the name on its card, {_shown(name)}, is not valid: use 1 to "
            "64 ASCII letters, digits and . _ + -, a letter or digit first, no dot at the end, and "
            "none of the names that Windows keeps (con, nul, com1, ...)."
        )
    for setting in settings:
        if not (isinstance(setting, str) and _SETTING.fullmatch(setting)):
            raise PluginError(
                f"{kind} {_shown(spec)}: the setting {_shown(setting)} is not valid: use 1 to 64 "
                "ASCII letters, digits and _, no digit first."
            )


def _shown(text: object) -> str:
    """Any text on one short line."""
    shown = ascii(text)
    return shown if len(shown) <= 80 else shown[:77] + "..."
