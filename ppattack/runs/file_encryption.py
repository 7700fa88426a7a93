"""Encrypt and decrypt folders of image files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ConfigError, KeyFileError
from ppattack.files import check_output_names, output_name, write_bytes
from ppattack.folders import new_folder
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target.base import generate_scoped_key
from ppattack.target.key_file import KeyFile

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import Target
    from ppattack.target.key import Key
    from ppattack.threat import KeyScope

Warn = Callable[[str], None]
"""Takes one line that the user should read."""


def encrypt_files(
    target: Target,
    plain: Tensor,
    names: tuple[str, ...],
    *,
    out: Path,
    plain_out: Path | None,
    key_file: Path | None,
    scope: KeyScope | None,
    seed: int | None,
    jpeg: Jpeg | None = None,
    warn: Warn | None = None,
) -> str:
    """Write one file per image: PNG or JPEG, or NPY if ciphertexts are tokens.

    The key file is written before any ciphertext is seen; if anything fails, all is as it was.

    Args:
        target: the scheme.
        plain: ``(N, C, H, W)`` uint8.
        names: one name per image.
        out: folder of the ciphertexts, new or empty.
        plain_out: folder for copies of the plain images, likewise, or None.
        key_file: read if it exists, else written (readable by the owner only); either way the
            ciphertexts are added to it.
        scope: one key for all, or one per image; None for the target's default.
        seed: of the key; None for a random one.
        jpeg: writes the ciphertexts as JPEG files; None for PNG files, which are exact.
        warn: called with what an old key file cannot do.

    Returns:
        what was written, in one line.

    Raises:
        ConfigError: for places that are one inside another.
        DataError: if a folder holds files already or cannot be written.
        KeyFileError: for a key file that contradicts the other arguments.
    """
    check_output_names(names)
    _check_apart(out, plain_out, key_file)
    if jpeg is not None and target.card.cipher != "image":
        raise ConfigError(
            f"--jpeg needs ciphertexts that are images: '{target.card.name}' has none."
        )
    with ExitStack() as stack:
        shown = None if plain_out is None else stack.enter_context(new_folder(plain_out))
        if key_file is not None:
            stack.enter_context(_unless_it_fails(key_file))
        made = stack.enter_context(new_folder(out))
        file = _key_file(target, plain, key_file, scope, seed)
        randomness = numpy_stream(_seed(None) if seed is None else seed, "encryption")
        ciphertexts = target.encrypt(plain, file.key, generator=randomness)
        _write_ciphertexts(made, names, ciphertexts, jpeg)
        if shown is not None:
            _write(shown, names, plain)
        where = "thrown away"
        if key_file is not None:
            where = str(key_file)
            _keep(file, key_file, names, made, target, warn)
    return f"{len(plain)} ciphertexts in {out}; key {file.key.fingerprint}: {where}"


def decrypt_files(
    target: Target, ciphertexts: Path, key_file: Path, out: Path, warn: Warn | None = None
) -> str:
    """Write the plain images of a folder of ciphertexts.

    Args:
        target: the scheme.
        ciphertexts: their folder.
        key_file: of the key.
        out: folder of the plain images, new or empty.
        warn: called with what is less than certain, one line each.

    Returns:
        what was written, in one line.

    Raises:
        KeyFileError: if scheme, settings or a ciphertext are not those of the key.
    """
    from ppattack.data.token_files import read_ciphertexts

    found = read_ciphertexts(ciphertexts, target.card.cipher)
    check_output_names(found.names)
    file = read_key_file(key_file)
    with _naming(key_file):
        file.check_scheme(target)
        _check_same_key(target, file.key, None)
        key, changed = file.match(found.names, found.images)
    with new_folder(out) as made:
        plain = target.decrypt(found.images, key)
        _write(made, found.names, plain)
    if warn is not None and file.is_old:
        warn(_old(key_file))
    if warn is not None and changed:
        warn(
            f"{len(changed)} of {len(plain)} ciphertexts are not exactly those that were written, "
            f"first '{changed[0]}': after JPEG, for example, images do not come back exactly."
        )
    return f"{len(plain)} images in {out}"


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
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error}.") from None
    with _naming(path):
        return KeyFile.from_bytes(data)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors about a key name its file."""
    try:
        yield
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None


def _key_file(
    target: Target, plain: Tensor, path: Path | None, scope: KeyScope | None, seed: int | None
) -> KeyFile:
    """The key file that is there, if nothing contradicts it, or a new one."""
    channels, height, width = plain.shape[1:]
    shape: ImageShape = (int(channels), int(height), int(width))
    if path is None or not path.exists():
        wanted = key_scope_of(target, scope)
        key = generate_scoped_key(target, shape, wanted, _seed(seed), "key", len(plain))
        return KeyFile.new(target, key)
    file = read_key_file(path)
    with _naming(path):
        file.check_scheme(target)
        found: KeyScope = "dataset" if file.key.count is None else "image"
        if scope not in (None, found):
            raise KeyFileError(
                f"the key has the scope '{found}', which contradicts --key-scope {scope}: leave "
                "--key-scope out, or name a new key file."
            )
        _check_same_key(target, file.key, seed)
    return file


def _seed(seed: int | None) -> int:
    import secrets

    return secrets.randbits(128) if seed is None else seed


def _check_same_key(target: Target, key: Key, seed: int | None) -> None:
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


def _keep(
    file: KeyFile,
    path: Path,
    names: tuple[str, ...],
    made: Path,
    target: Target,
    warn: Warn | None,
) -> None:
    """Write the key file, with the ciphertexts as they will be read; an old one stays as it is."""
    from ppattack.data.token_files import read_ciphertexts

    if file.is_old:
        if warn is not None:
            warn(_old(path))
        return
    found = read_ciphertexts(made, target.card.cipher)
    row = {Path(name).stem: i for i, name in enumerate(names)}
    rows = [row[Path(name).stem] for name in found.names]
    write_bytes(path, file.adding(found.names, rows, found.images).to_bytes(), private=True)


@contextmanager
def _unless_it_fails(path: Path) -> Iterator[None]:
    """Put a file back as it was if what follows fails."""
    before = path.read_bytes() if path.is_file() else None
    try:
        yield
    except BaseException:
        if before is not None:
            write_bytes(path, before, private=True)
        else:
            with suppress(OSError):
                path.unlink()
        raise


def _check_apart(out: Path, plain_out: Path | None, key_file: Path | None) -> None:
    """Refuse plain images or a key among the ciphertexts, and one folder for both.

    Raises:
        ConfigError: naming the two.
    """
    folders = {"--out": out, "--plain-out": plain_out}
    places = {name: path.resolve() for name, path in folders.items() if path is not None}
    if key_file is not None:
        places["--key-file"] = key_file.resolve()
    for outer in [name for name in folders if name in places]:
        for name, place in places.items():
            if name != outer and place.is_relative_to(places[outer]):
                where = "also" if place == places[outer] else "inside"
                raise ConfigError(
                    f"{name} is {where} the folder of {outer}: choose a place outside it."
                )


def _old(path: Path) -> str:
    return (
        f"{path} is an older key file, which holds no settings and no names: nothing tells "
        "whether it belongs to these files."
    )


def _write_ciphertexts(
    folder: Path, names: tuple[str, ...], ciphertexts: Tensor, jpeg: Jpeg | None
) -> None:
    if jpeg is None:
        _write(folder, names, ciphertexts)
        return
    for name, image in zip(names, ciphertexts, strict=True):
        write_bytes((folder / output_name(name)).with_suffix(".jpg"), jpeg.encode(image))


def _write(folder: Path, names: tuple[str, ...], images: Tensor) -> None:
    import torch

    from ppattack.data.image_files import write_png
    from ppattack.data.token_files import write_tokens

    for name, image in zip(names, images, strict=True):
        if image.dtype == torch.uint8:
            write_png(folder / output_name(name), image)
        else:
            write_tokens((folder / output_name(name)).with_suffix(".npy"), image)
