"""Encrypt and decrypt folders of image files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ConfigError
from ppattack.files import check_output_names, mark_results, output_name, write_bytes
from ppattack.folders import new_folder
from ppattack.runs.key_files import (
    check_same_key,
    find_key_file,
    naming,
    old_words,
    read_file,
    read_key_file,
    seed_or_random,
    unless_it_fails,
)
from ppattack.runs.key_files import read_key as read_key
from ppattack.runs.map_files import MapFile
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target import contract
from ppattack.target.calls import decrypt, encrypt
from ppattack.target.key_file import KeyFile
from ppattack.target.trained import refuse_untrained

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.jpeg import Jpeg
    from ppattack.target.base import Target
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
        ConfigError: for places that are one inside another, or have the name of an array.
        DataError: if a folder holds files already or cannot be written.
        KeyFileError: for a key file that contradicts the other arguments.
    """
    check_output_names(names)
    _check_apart(out, plain_out, key_file)
    if jpeg is not None and target.card.cipher != "image":
        raise ConfigError(
            f"--jpeg needs ciphertexts that are images: '{target.card.name}' has none."
        )
    _check_folder("--out", out, "--images")
    if plain_out is not None:
        _check_folder("--plain-out", plain_out, "--images")
    channels, height, width = plain.shape[1:]
    refuse_untrained(target)
    contract.check(target, (int(channels), int(height), int(width)), key_scope_of(target, scope))
    with ExitStack() as stack:
        shown = None if plain_out is None else stack.enter_context(new_folder(plain_out))
        if key_file is not None:
            stack.enter_context(unless_it_fails(key_file))
        made = stack.enter_context(new_folder(out))
        file = find_key_file(target, plain, key_file, scope, seed)
        randomness = numpy_stream(seed_or_random(None) if seed is None else seed, "encryption")
        ciphertexts = encrypt(target, plain, file.key, randomness)
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
        key_file: of the key, or of a recovered map.
        out: folder of the plain images, new or empty.
        warn: called with what is less than certain, one line each.

    Returns:
        what was written, in one line.

    Raises:
        ConfigError: if the folder has the name of an array.
        KeyFileError: if scheme, settings or a ciphertext are not those of the key.
    """
    from ppattack.data.token_files import read_ciphertexts

    _check_folder("--out", out, "--ciphertexts")
    found = read_ciphertexts(ciphertexts, target.card.cipher)
    check_output_names(found.names)
    with naming(key_file):
        recovered = MapFile.from_bytes(read_file(key_file))
        if recovered is not None:
            plain = recovered.decrypt(target, found.images)
            with new_folder(out) as made:
                _write(made, found.names, plain)
            return f"{len(plain)} images in {out}"
    file = read_key_file(key_file)
    with naming(key_file):
        file.check_scheme(target)
        check_same_key(target, file.key, None)
        key, changed = file.match(found.names, found.images)
    with new_folder(out) as made:
        plain = decrypt(target, found.images, key)
        _write(made, found.names, plain)
    if warn is not None and file.is_old:
        warn(old_words(key_file))
    if warn is not None and changed:
        warn(
            f"{len(changed)} of {len(plain)} ciphertexts are not exactly those that were written, "
            f"first '{changed[0]}': after JPEG, for example, images do not come back exactly."
        )
    return f"{len(plain)} images in {out}"


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
            warn(old_words(path))
        return
    found = read_ciphertexts(made, target.card.cipher)
    row = {Path(name).stem: i for i, name in enumerate(names)}
    rows = [row[Path(name).stem] for name in found.names]
    write_bytes(path, file.adding(found.names, rows, found.images).to_bytes(), private=True)


def _check_folder(option: str, place: Path, given: str) -> None:
    """Refuse to make a folder whose name is that of an array.

    Raises:
        ConfigError: saying which input is written into one.
    """
    from ppattack.data.stack_files import ARRAYS

    if place.suffix in ARRAYS:
        raise ConfigError(
            f"{option} {place}: only {given} FILE.npy, .npz or .tar is written into one array; "
            "name a folder."
        )


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


def _write_ciphertexts(
    folder: Path, names: tuple[str, ...], ciphertexts: Tensor, jpeg: Jpeg | None
) -> None:
    if jpeg is None:
        _write(folder, names, ciphertexts)
        return
    mark_results(folder)
    for name, image in zip(names, ciphertexts, strict=True):
        write_bytes((folder / output_name(name)).with_suffix(".jpg"), jpeg.encode(image))


def _write(folder: Path, names: tuple[str, ...], images: Tensor) -> None:
    import torch

    from ppattack.data.image_files import write_png
    from ppattack.data.token_files import write_tokens

    mark_results(folder)
    for name, image in zip(names, images, strict=True):
        if image.dtype == torch.uint8:
            write_png(folder / output_name(name), image)
        else:
            write_tokens((folder / output_name(name)).with_suffix(".npy"), image)
