"""Decrypt files of many ciphertexts, shard by shard, into one array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from ppattack.context import Workers
from ppattack.data.stacks import Pixels, Shape, Stack
from ppattack.errors import KeyFileError
from ppattack.plugins import registry
from ppattack.runs.key_files import check_same_key, naming, read_file
from ppattack.runs.map_files import MapFile
from ppattack.runs.stack_encryption import check_place, write_stack
from ppattack.target.calls import decrypt
from ppattack.target.key import Key
from ppattack.target.key_file import KeyFile


@dataclass(frozen=True, eq=False)
class Decrypted(Stack):
    """The plain images of a stack of ciphertexts, made when they are read.

    Args:
        ciphertexts: the ciphertexts.
        scheme: name of the target.
        settings: the target's.
        key: one for all images, or a recovered map.
    """

    ciphertexts: Stack
    scheme: str
    settings: Mapping[str, Any]
    key: Key | MapFile

    @property
    @override
    def shape(self) -> Shape:
        return len(self.ciphertexts), *self.key.image_shape

    @override
    def part(self, start: int, stop: int) -> Decrypted:
        return replace(self, ciphertexts=self.ciphertexts.part(start, stop))

    @override
    def read(self) -> Pixels:
        target = registry.target(self.scheme)(**self.settings)
        ciphertexts = self.ciphertexts[:]
        wanted, found = target.ciphertext_shape(self.key.image_shape), self.ciphertexts.shape[1:]
        if tuple(wanted) != found:
            raise KeyFileError(
                f"the key is for ciphertexts of shape {tuple(wanted)}, not {found}: use theirs."
            )
        if isinstance(self.key, MapFile):
            made: Pixels = self.key.decrypt(target, ciphertexts).numpy()
        else:
            made = decrypt(target, ciphertexts, self.key).numpy()
        return made


def decrypt_stack(
    scheme: str,
    settings: Mapping[str, Any],
    ciphertexts: Stack,
    key_file: Path,
    out: Path,
    workers: Workers | None = None,
) -> str:
    """Write the plain images of a stack of ciphertexts as an NPY file; all or nothing.

    Args:
        scheme: name of the target.
        settings: the target's.
        ciphertexts: all under one key.
        key_file: of the key, or of a recovered map.
        out: the file, which must not be there yet.
        workers: decrypt; None for this process.

    Returns:
        what was written, in one line.

    Raises:
        ConfigError: for another kind of file to write.
        DataError: if it is there already or cannot be written.
        KeyFileError: if scheme, settings or the shape of the ciphertexts are not those of the
            key, or every image has its own.
    """
    check_place(out, "decrypted")
    with naming(key_file):
        made = Decrypted(ciphertexts, scheme, settings, _key(scheme, settings, key_file))
        made.part(0, 1).read()  # a key that does not fit is refused, naming its file
    write_stack(out, made, workers)
    return f"{len(made)} images in {out}; nothing tells whether the key is that of these files"


def _key(scheme: str, settings: Mapping[str, Any], path: Path) -> Key | MapFile:
    """What a file holds, if it belongs to the scheme."""
    target, content = registry.target(scheme)(**settings), read_file(path)
    recovered = MapFile.from_bytes(content)
    if recovered is not None:
        return recovered
    file = KeyFile.from_bytes(content)
    file.check_scheme(target)
    check_same_key(target, file.key, None)
    if file.key.count is not None:
        raise KeyFileError(
            "every image has its own key, found by the name of its file: decrypt a folder of "
            "image files."
        )
    return file.key
