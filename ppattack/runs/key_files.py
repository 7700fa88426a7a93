"""Key files on disk: read, found to agree with options, put back if work with them fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import KeyFileError
from ppattack.files import write_bytes
from ppattack.runs.map_files import MapFile
from ppattack.scenario import key_scope_of
from ppattack.target.base import generate_scoped_key
from ppattack.target.key_file import KeyFile

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.target.base import Target
    from ppattack.target.key import Key
    from ppattack.threat import KeyScope


def read_key(path: Path) -> Key:
    """The key of a key file.

    Raises:
        KeyFileError: if it is missing or malformed.
    """
    return read_key_file(path).key


def read_key_file(path: Path) -> KeyFile:
    """Read a key file.

    Raises:
        KeyFileError: if it is missing, malformed or was changed.
    """
    data = read_file(path)
    with naming(path):
        if MapFile.from_bytes(data) is not None:
            raise KeyFileError("a map that was recovered can only decrypt: use a key file.")
        return KeyFile.from_bytes(data)


def read_file(path: Path) -> bytes:
    """The content of a key file.

    Raises:
        KeyFileError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror or error}.") from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors about a key name its file."""
    try:
        yield
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None


def find_key_file(
    target: Target, plain: Tensor, path: Path | None, scope: KeyScope | None, seed: int | None
) -> KeyFile:
    """The key file that is there, if nothing contradicts it, or a new one.

    Raises:
        KeyFileError: for a file that cannot be used, or that is no regular one.
    """
    channels, height, width = plain.shape[1:]
    shape: ImageShape = (int(channels), int(height), int(width))
    if path is None or not path.exists():
        wanted = key_scope_of(target, scope)
        key = generate_scoped_key(target, shape, wanted, seed_or_random(seed), "key", len(plain))
        return KeyFile.new(target, key)
    if not path.is_file() and not path.is_dir():
        raise KeyFileError(
            f"{path} is no regular file, and the ciphertexts are noted in the key file: copy it "
            "into one."
        )
    file = read_key_file(path)
    with naming(path):
        file.check_scheme(target)
        found: KeyScope = "dataset" if file.key.count is None else "image"
        if scope not in (None, found):
            raise KeyFileError(
                f"the key has the scope '{found}', which contradicts --key-scope {scope}: leave "
                "--key-scope out, or name a new key file."
            )
        check_same_key(target, file.key, seed)
    return file


def seed_or_random(seed: int | None) -> int:
    """The seed, or one from the operating system."""
    import secrets

    return secrets.randbits(128) if seed is None else seed


def check_same_key(target: Target, key: Key, seed: int | None) -> None:
    """Refuse options that would give another key than the one that is read.

    Raises:
        KeyFileError: naming the options.
    """
    named = [f"target.{name}" for name in target.secret_settings if _given(target, name)]
    options = ["--seed"] * (seed is not None) + [f"--set {name}" for name in named]
    if not options:
        return
    scope: KeyScope = "dataset" if key.count is None else "image"
    drawn = generate_scoped_key(target, key.image_shape, scope, seed or 0, "key", key.count or 0)
    if drawn.fingerprint != key.fingerprint:
        raise KeyFileError(
            f"{' and '.join(options)} would draw another key than the one in the file: leave it "
            "out, or name a new key file."
        )


def _given(target: Target, name: str) -> bool:
    return getattr(target.config, name) is not None


@contextmanager
def unless_it_fails(path: Path) -> Iterator[None]:
    """Put a file back as it was if what follows fails."""
    before = path.read_bytes() if path.is_file() else None
    absent = not os.path.lexists(path)
    try:
        yield
    except BaseException:
        if before is not None and path.read_bytes() != before:
            write_bytes(path, before, private=True)
        if absent:
            with suppress(OSError):
                path.unlink()
        raise


def old_words(path: Path) -> str:
    """What an old key file cannot do, in one line."""
    return (
        f"{path} is an older key file, which holds no settings and no names: nothing tells "
        "whether it belongs to these files."
    )
