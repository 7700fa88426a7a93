"""Writing files so that nothing half-written is ever seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ppattack.errors import DataError

NAME_KEPT = 16
"""Characters of a name in that of its temporary file, which would be too long otherwise."""
NAME_BYTES = 255
"""The longest name of a file on the usual file systems."""


def user_path(text: str) -> Path:
    """A path as a user writes it, with ``~`` for a home folder.

    Raises:
        DataError: if it begins with the home folder of an unknown user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise DataError(
            f"cannot find {text}: there is no such user's home folder, write the path in full."
        ) from None


def make_folder(path: Path) -> Path:
    """Create a folder with its parents.

    Raises:
        DataError: if a file is in the way or the folder cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot create the folder {path}: {error.strerror}.") from None
    return path


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write to a temporary file beside ``path``, then rename it into place.

    Args:
        path: the file; its folder is created.
        data: the whole content.
        private: readable by the owner only (keys).

    Raises:
        DataError: if the file cannot be written.
    """
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:NAME_KEPT]}.", dir=path.parent)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o600 if private else 0o644)
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """As :func:`write_bytes`, for UTF-8 text."""
    write_bytes(path, text.encode("utf-8"), private=private)


def append_text(path: Path, text: str) -> None:
    """Add UTF-8 text at the end of a file that others write to as well.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None


def output_name(name: str) -> str:
    """The file name under which a reconstruction is written: the ciphertext's, as PNG."""
    return Path(name).stem + ".png"


def check_output_names(names: tuple[str, ...]) -> None:
    """Refuse files whose results would be written under the same name, or under none.

    Raises:
        DataError: naming the first two, or the first that is too long.
    """
    seen: dict[str, str] = {}
    for name in names:
        written = output_name(name)
        if written in seen:
            raise DataError(
                f"'{seen[written]}' and '{name}' would both be written as '{written}': rename one."
            )
        if len(os.fsencode(written)) > NAME_BYTES:
            raise DataError(f"'{name}' is longer than {NAME_BYTES} bytes: rename it.")
        seen[written] = name


def check_apart(places: Mapping[str, Path]) -> None:
    """Refuse two options that name the same file; ``-`` and devices may be named twice.

    Args:
        places: path by flag.

    Raises:
        DataError: naming the two flags.
    """
    seen: dict[Path, str] = {}
    for flag, path in places.items():
        if str(path) == "-" or (path.exists() and not path.is_file()):
            continue
        other = seen.setdefault(path.resolve(), flag)
        if other != flag:
            raise DataError(f"{other} and {flag} name the same file, {path}: name two.")
