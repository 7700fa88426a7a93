"""The user's cache: results that take long to make again and can be deleted at any time.

Below ``$XDG_CACHE_HOME/ppattack``, or ``.cache/ppattack`` in the home folder. A name must hold a
hash of everything that decides the result. ``PPATTACK_CACHE=off`` switches the cache off.
"""

from __future__ import annotations

import os
from pathlib import Path

from ppattack.errors import DataError
from ppattack.files import write_bytes

SWITCH = "PPATTACK_CACHE"


def cache_folder(kind: str) -> Path | None:
    """The folder of one kind of result; None if the cache is switched off or has no place."""
    if os.environ.get(SWITCH, "").strip().lower() in ("off", "0", "no", "false"):
        return None
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(root) if root else Path.home() / ".cache") / "ppattack" / kind
    except RuntimeError:  # there is no home folder
        return None


def kept(place: Path) -> bytes | None:
    """What a file of the cache holds, or None if there is none that can be read."""
    try:
        return place.read_bytes()
    except OSError:
        return None


def keep(place: Path, data: bytes, *, private: bool = False) -> str | None:
    """Write a file of the cache, whole or not at all.

    Args:
        place: the file.
        data: its content.
        private: whether only the user may read it.

    Returns:
        why it could not be written, which is no error, or None.
    """
    try:
        write_bytes(place, data, private=private)
    except (OSError, DataError) as error:
        return str(error)
    return None
