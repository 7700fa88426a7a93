"""Folders of results, which appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ppattack.errors import DataError, PpattackError, RunFailed
from ppattack.files import NAME_KEPT, behind_links, make_folder


def partial_place(folder: Path) -> Path:
    """Where work on a folder in progress lies; see :func:`partial_folder`."""
    return folder.with_name(folder.name + ".partial")


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` for work in progress, kept after an interruption.

    It is removed once the work has ended, also with an error that the user must fix; in that case
    no empty parent folder stays behind.

    Args:
        folder: what the work makes; its parent folder is created.

    Raises:
        DataError: if the parent folder cannot be created.
    """
    place = partial_place(folder)
    new = not folder.parent.exists()
    make_folder(folder.parent)
    try:
        yield place
    except BaseException as error:
        if isinstance(error, PpattackError | RunFailed):
            shutil.rmtree(place, ignore_errors=True)
        if new:
            with suppress(OSError):  # it may hold cached results of a control
                folder.parent.rmdir()
        raise
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def new_folder(path: Path, *, private: bool = False, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, whose files appear at ``path`` only if all went well.

    What a killed process left half-filled here is removed first.

    Args:
        path: nothing must be there, or an empty folder.
        private: readable by the owner only.
        replace: whether a folder that is there is replaced once all went well.

    Raises:
        DataError: if something is there, or the folder cannot be written.
    """
    missing: list[Path] = []
    done = False
    try:
        path = behind_links(path)
        missing += [parent for parent in path.parents if not parent.exists()]
        with _in_progress(path, replace) as temporary:
            yield temporary
            _publish(temporary, path, private=private, replace=replace)
            done = True
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}.") from None
    finally:
        for parent in missing if not done else ():
            with suppress(OSError):
                parent.rmdir()


def check_new(path: Path) -> None:
    """Refuse what is there already, unless it is an empty folder.

    Raises:
        DataError: if something is there, or the folder cannot be read.
    """
    try:
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.") from None
    raise DataError(f"{path} exists already: name a new folder.")


@contextmanager
def _in_progress(path: Path, replace: bool) -> Iterator[Path]:
    """A locked folder with a name of its own: beside ``path``, or inside if that is empty."""
    prefix = f".{path.name[:NAME_KEPT]}.ppattack-"
    for folder in (path, path.parent):
        _remove_leftovers(folder, prefix)
    if not (replace and path.is_dir()):
        check_new(path)
    empty = path.is_dir() and not any(path.iterdir())
    make_folder(path.parent)
    temporary, lock = None, None
    try:
        while lock is None:  # a process that cleans up may have been faster
            temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=path if empty else path.parent))
            lock = _locked(temporary)
        assert temporary is not None  # noqa: S101
        yield temporary
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None and lock >= 0:
            os.close(lock)


def _publish(temporary: Path, path: Path, *, private: bool, replace: bool) -> None:
    if temporary.parent != path.parent:
        if private:
            path.chmod(0o700)
        for filled in sorted(temporary.iterdir()):
            filled.replace(path / filled.name)
        return
    temporary.chmod(0o700 if private else 0o755)
    if replace and path.is_dir():
        shutil.rmtree(path)
    temporary.replace(path)


def _locked(folder: Path, *, wait: bool = True) -> int | None:
    """A descriptor that holds a folder's lock; -1 where there are none, None if it is not had."""
    try:
        import fcntl
    except ImportError:
        return -1
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        os.close(handle)
        return None if isinstance(error, BlockingIOError) else -1
    if folder.exists():
        return handle
    os.close(handle)
    return None


def _remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove what killed processes left; one that is still filled is locked."""
    if not folder.is_dir():
        return
    for found in folder.iterdir():
        if not found.name.startswith(prefix) or found.is_symlink() or not found.is_dir():
            continue
        lock = _locked(found, wait=False)
        if lock is not None and lock >= 0:
            shutil.rmtree(found, ignore_errors=True)
            os.close(lock)
