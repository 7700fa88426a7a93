"""Hashes of files as they are stored, so that nothing must be decoded to know what changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ppattack.data.decoding import UnreadableImage, check_file

HASHED_AT_MOST = 1 << 30
"""Bytes; beyond, loading the few images that are wanted is faster."""


def of_files(files: Iterable[tuple[str, Path]]) -> str | None:
    """The SHA-256 of files with their names, in their order.

    Args:
        files: names and paths.

    Returns:
        None if there are no files, one of them cannot be read, or they are too large together.
    """
    listed = list(files)
    digest = hashlib.sha256()
    try:
        for _, path in listed:
            check_file(path)
        if not listed or sum(path.stat().st_size for _, path in listed) > HASHED_AT_MOST:
            return None
        for name, path in listed:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(len(os.fsencode(name)).to_bytes(8) + os.fsencode(name) + content)
    except (OSError, UnreadableImage):
        return None
    return digest.hexdigest()
