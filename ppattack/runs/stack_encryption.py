"""Encrypt files of many images, shard by shard, into one array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from typing_extensions import override

from ppattack.context import Alone, Workers
from ppattack.data.stacks import Pixels, Shape, Stack
from ppattack.errors import ConfigError, DataError, KeyFileError, NotApplicable
from ppattack.files import written_whole
from ppattack.plugins import registry
from ppattack.runs.key_files import find_key_file, seed_or_random
from ppattack.seeding import numpy_stream
from ppattack.target import contract
from ppattack.target.calls import encrypt
from ppattack.target.key import Key
from ppattack.target.trained import refuse_untrained


@dataclass(frozen=True, eq=False)
class Encrypted(Stack):
    """The ciphertexts of a stack under one key, made when they are read.

    Args:
        plain: the images.
        scheme: name of the target.
        settings: the target's.
        key: for all images.
        secret: what schemes that draw anew for each image draw from; each part draws its own.
        start: number of the first image.
    """

    plain: Stack
    scheme: str
    settings: Mapping[str, Any]
    key: Key
    secret: int
    start: int = 0

    @property
    @override
    def shape(self) -> Shape:
        target = registry.target(self.scheme)(**self.settings)
        channels, height, width = target.ciphertext_shape(self.key.image_shape)
        return len(self.plain), channels, height, width

    @override
    def part(self, start: int, stop: int) -> Encrypted:
        return replace(self, plain=self.plain.part(start, stop), start=self.start + start)

    @override
    def read(self) -> Pixels:
        target = registry.target(self.scheme)(**self.settings)
        randomness = numpy_stream(self.secret, "encryption", self.start)
        made: Pixels = encrypt(target, self.plain[:], self.key, randomness).numpy()
        return made


def encrypt_stack(
    scheme: str,
    settings: Mapping[str, Any],
    plain: Stack,
    out: Path,
    *,
    key_file: Path | None = None,
    seed: int | None = None,
    workers: Workers | None = None,
) -> str:
    """Write the ciphertexts of a stack, under one key, as an NPY file; all or nothing.

    Args:
        scheme: name of the target.
        settings: the target's.
        plain: the images.
        out: the file, which must not be there yet.
        key_file: of the key, which is read and stays as it is; None for a new key, thrown away.
        seed: of that key; None for a random one.
        workers: encrypt; None for this process.

    Returns:
        what was written, in one line.

    Raises:
        ConfigError: for a scheme whose ciphertexts are no images, or a key file that is not there.
        NotApplicable: for one that has no key for all images.
        DataError: if the file is there already or cannot be written.
    """
    target = registry.target(scheme)(**settings)
    check_place(out, "encrypted")
    if target.card.cipher != "image":
        raise ConfigError(f"ciphertexts of '{target.card.name}' are no images: use --images DIR.")
    if "dataset" not in target.card.key_scopes:
        raise NotApplicable(
            f"'{target.card.name}' has no key for all images, which files of many images need."
        )
    if key_file is not None and not key_file.exists():
        raise ConfigError(
            f"there is no {key_file}: a key file also lists what was encrypted, so for files of "
            "many images it is only read. Make one with a few images, --images DIR."
        )
    refuse_untrained(target)
    channels, height, width = plain.shape[1:]
    contract.check(target, (channels, height, width), "dataset")
    key = find_key_file(target, plain[:1], key_file, "dataset", seed).key
    if key.image_shape != (channels, height, width):
        raise KeyFileError(
            f"{key_file}: the key is for images of shape {key.image_shape}, not "
            f"{(channels, height, width)}."
        )
    made = Encrypted(plain, scheme, settings, key, seed_or_random(seed))
    write_stack(out, made, workers)
    return f"{len(plain)} ciphertexts in {out}; key {key.fingerprint}: {key_file or 'thrown away'}"


def check_place(out: Path, what: str) -> None:
    """Refuse a place that no array can be written to.

    Raises:
        ConfigError: if it is not named like an array.
        DataError: if it is there already.
    """
    if out.suffix != ".npy":
        raise ConfigError(f"--out {out}: files of many images are {what} into one: FILE.npy.")
    if out.exists():
        raise DataError(f"{out} is there already: name another file.")


def write_stack(out: Path, made: Stack, workers: Workers | None) -> None:
    """Write images that workers make, shard by shard, as an NPY file; all or nothing.

    Raises:
        DataError: if it cannot be written.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": made.shape}
    with written_whole(out) as file:
        npy.write_array_header_1_0(file, header)
        for part in (workers or Alone()).map(_read, made.shards()):
            file.write(np.ascontiguousarray(part).data)


def _read(part: Stack) -> Pixels:
    return part.read()
