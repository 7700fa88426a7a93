"""Hashes of files as they are stored, so that nothing must be decoded to know what changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

HASHED_AT_MOST = 1 << 30
"""Bytes; beyond, loading the few images that are wanted is faster."""
READ_WHOLE = 1 << 20


def of_files(files: Iterable[tuple[str, Path | str]]) -> str | None:
    """The SHA-256 of files with their names, in their order.

    Args:
        files: names and paths.

    Returns:
        None if there are no files, one of them cannot be read, or they are too large together.
    """
    listed = list(files)
    digest = hashlib.sha256()
    try:
        status = [os.stat(path) for _, path in listed]  # noqa: PTH116 — of very many files
        if not all(stat.S_ISREG(each.st_mode) and each.st_size for each in status):
            return None
        sizes = [each.st_size for each in status]
        if not listed or sum(sizes) > HASHED_AT_MOST:
            return None
        for (name, path), size in zip(listed, sizes, strict=True):
            digest.update(len(os.fsencode(name)).to_bytes(8) + os.fsencode(name))
            digest.update(_content(path, size))
    except OSError:
        return None
    return digest.hexdigest()


def _content(path: Path | str, size: int) -> bytes:
    """The SHA-256 of a file; a small one is read whole, which is faster."""
    with open(path, "rb") as file:  # noqa: PTH123 — of very many files
        if size > READ_WHOLE:
            return hashlib.file_digest(file, "sha256").digest()
        return hashlib.sha256(file.read()).digest()
