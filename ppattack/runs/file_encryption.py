"""Encrypt and decrypt folders of image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ConfigError, KeyFileError
from ppattack.files import check_output_names, mark_results, output_name, write_bytes
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target.base import generate_scoped_key
from ppattack.target.key import Key

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import Target
    from ppattack.threat import KeyScope


def encrypt_files(
    target: Target,
    plain: Tensor,
    names: tuple[str, ...],
    *,
    out: Path,
    plain_out: Path | None,
    key_file: Path | None,
    scope: KeyScope | None,
    seed: int,
    jpeg: Jpeg | None = None,
) -> str:
    """Write one file per image: PNG or JPEG, or NPY if ciphertexts are tokens.

    Args:
        target: the scheme.
        plain: ``(N, C, H, W)`` uint8.
        names: one name per image.
        out: folder of the ciphertexts.
        plain_out: folder for copies of the plain images, or None.
        key_file: read if it exists, else written (readable by the owner only).
        scope: one key for all, or one per image; None for the target's default.
        seed: of the key.
        jpeg: writes the ciphertexts as JPEG files; None for PNG files, which are exact.

    Returns:
        what was written, in one line.
    """
    check_output_names(names)
    if jpeg is not None and target.card.cipher != "image":
        raise ConfigError(
            f"--jpeg needs ciphertexts that are images: '{target.card.name}' has none."
        )
    shape: ImageShape = (int(plain.shape[1]), int(plain.shape[2]), int(plain.shape[3]))
    key = _key(target, shape, key_file, key_scope_of(target, scope), seed, len(plain))
    ciphertexts = target.encrypt(plain, key, generator=numpy_stream(seed, "encryption"))
    if jpeg is None:
        _write(out, names, ciphertexts)
    else:
        mark_results(out)
        for name, image in zip(names, ciphertexts, strict=True):
            write_bytes((out / output_name(name)).with_suffix(".jpg"), jpeg.encode(image))
    if plain_out is not None:
        _write(plain_out, names, plain)
    where = "thrown away"
    if key_file is not None:
        where = str(key_file)
        if not key_file.exists():
            write_bytes(key_file, key.to_bytes(), private=True)
    return f"{len(plain)} ciphertexts in {out}; key {key.fingerprint}: {where}"


def decrypt_files(target: Target, ciphertexts: Path, key_file: Path, out: Path) -> str:
    """Write the plain images of a folder of ciphertexts.

    Returns:
        what was written, in one line.
    """
    from ppattack.data.token_files import read_ciphertexts

    found = read_ciphertexts(ciphertexts, target.card.cipher)
    plain = target.decrypt(found.images, read_key(key_file))
    _write(out, found.names, plain)
    return f"{len(plain)} images in {out}"


def read_key(path: Path) -> Key:
    """Read a key file.

    Raises:
        KeyFileError: if it is missing or malformed.
    """
    try:
        return Key.from_bytes(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error}.") from None
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None


def _key(
    target: Target,
    shape: ImageShape,
    key_file: Path | None,
    scope: KeyScope,
    seed: int,
    count: int,
) -> Key:
    if key_file is not None and key_file.exists():
        return read_key(key_file)
    return generate_scoped_key(target, shape, scope, seed, "key", count)


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
