"""Writing files so that nothing half-written is ever seen, and finding those written before."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from ppattack.errors import DataError, printable

MARK = ".ppattack"
"""A file in folders of results, so that nobody takes these for photographs."""
_DESCRIPTOR = re.compile(r"/dev/(stdout|stderr|fd/\d+)|/proc/self/(fd/\d+)")
_NUMBERS = {"stdout": 1, "stderr": 2}
REPORTS = ("report.json", "classification.json", "compression.json", "curve.json", "audit.json")
_OPENINGS = (b'{\n  "schema_version":', b'{\n  "attack":')
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


def mark_results(folder: Path, *, ours: bool = False) -> None:
    """Create a folder for results, with their mark unless it holds other files already.

    Args:
        folder: the folder.
        ours: whether all that it holds is known to be results.

    Raises:
        DataError: if it cannot be written.
    """
    make_folder(folder)
    if ours or not any(folder.iterdir()):
        write_text(folder / MARK, "Written by ppattack: not read as photographs.\n")


def holds_results(folder: Path) -> bool:
    """Whether a folder has the mark of results, or one of our reports."""
    if (folder / MARK).is_file():
        return True
    for name in REPORTS:
        try:
            with (folder / name).open("rb") as file:
                opening = file.read(64)
        except OSError:
            continue
        if opening.startswith(_OPENINGS):
            return True
    return False


def walk(
    root: Path, passed_over: Callable[[Path], bool] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Every folder at or below a place, with the names of the files in it, both sorted.

    Links are followed, each folder is visited once, and hidden folders are passed over.

    Args:
        root: the place.
        passed_over: says which folders below it to leave out, with all that is in them.

    Raises:
        DataError: if a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"the folder {error.filename} cannot be read: {error.strerror}.")

    visited: set[str] = set()
    for place, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        # A folder that links to one above it would be walked forever.
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not (passed_over is not None and passed_over(Path(place, name)))
        )
        yield Path(place), sorted(files)


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write to a temporary file beside ``path``, then rename it into place.

    The file that a link leads to is written, not the link; devices, pipes and open descriptors
    (``/dev/stdout``) are written to as they are.

    Args:
        path: the file; its folder is created.
        data: the whole content.
        private: readable by the owner only (keys).

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        stream = _is_stream(path)
        if stream:
            _write_stream(path, data)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None
    if not stream:
        with written_whole(path, private=private) as file:
            file.write(data)


@contextmanager
def written_whole(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A temporary file beside ``path``, renamed into place if nothing went wrong.

    Args:
        path: the file, or a link to it; its folder is created.
        private: readable by the owner only (keys).

    Raises:
        DataError: if the file cannot be written.
    """
    temporary: Path | None = None
    try:
        target = behind_links(path)
        make_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:NAME_KEPT]}.", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(0o600 if private else 0o644)
        temporary.replace(target)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def behind_links(path: Path) -> Path:
    """The place that a link leads to, whether anything is there or not.

    Raises:
        OSError: for links in a circle.
    """
    try:
        return path.resolve() if path.is_symlink() else path
    except RuntimeError:  # how Python 3.11 and 3.12 say it
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


def _is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe or an open descriptor of this process."""
    if _DESCRIPTOR.fullmatch(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _write_stream(path: Path, data: bytes) -> None:
    """Write where nothing can be renamed; a descriptor is written where it stands.

    Raises:
        OSError: if that fails; not if the reader of a pipe has gone.
    """
    found = _DESCRIPTOR.fullmatch(str(path))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if found is None:
        descriptor = os.open(path, os.O_WRONLY)
    else:
        name = found[1] or found[2]
        descriptor = os.dup(_NUMBERS.get(name) or int(name.rpartition("/")[2]))
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as file:
        file.write(data)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of writing a file that nobody else writes now."""
    for left in path.parent.glob(f".{escape(path.name[:NAME_KEPT])}.????????"):
        left.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """As :func:`write_bytes`, for UTF-8 text."""
    write_bytes(path, printable(text).encode("utf-8"), private=private)


def append_text(path: Path, text: str) -> None:
    """Add UTF-8 text at the end of a file that others write to as well.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(printable(text))
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
