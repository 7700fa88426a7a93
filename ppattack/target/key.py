"""Secret keys: arrays by component name, a fingerprint, and key files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import KeyFileError
from ppattack.images import ImageShape

Parts = Mapping[str, NDArray[Any]]
KEY_FILE_VERSION = 1
"""A key alone. Version 2, in ``key_file``, also says what was encrypted with it, and how."""
KEY_FILE_VERSIONS = (1, 2)
TEXT_BYTES = 1 << 20
"""Larger keys are written as safetensors, smaller ones as JSON, which people can read."""
_MALFORMED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True, eq=False)
class Key:
    """A secret key (or one per image). ``repr`` shows a fingerprint, never the secret.

    Args:
        scheme: name of the scheme it belongs to.
        image_shape: ``(C, H, W)`` of the plain images it encrypts.
        parts: component name to array; with a leading axis of ``count`` if it holds one key per
            image.
        count: number of images, or None for one key for all.
    """

    scheme: str
    image_shape: ImageShape
    parts: Parts = field(repr=False)
    count: int | None = None

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that identify the key without revealing it."""
        import hashlib  # loads a library that most short answers do without

        digest = hashlib.sha256(f"{self.scheme}{self.image_shape}{self.count}".encode())
        for name in sorted(self.parts):
            part = np.ascontiguousarray(self.parts[name])
            digest.update(f"{name}{part.dtype.str}{part.shape}".encode() + part.tobytes())
        return digest.hexdigest()[:12]

    def __repr__(self) -> str:
        return f"Key({self.scheme!r}, {self.image_shape}, fingerprint={self.fingerprint!r})"

    def rows(self, part: slice) -> Key:
        """The keys of some images; a data-set key is its own row."""
        if self.count is None:
            return self
        parts = {name: array[part] for name, array in self.parts.items()}
        return Key(self.scheme, self.image_shape, parts, len(range(self.count)[part]))

    def single(self, image: int) -> Key:
        """The key of one image by itself; a data-set key is everybody's."""
        if self.count is None:
            return self
        parts = {name: array[image] for name, array in self.parts.items()}
        return Key(self.scheme, self.image_shape, parts)

    def to_bytes(self) -> bytes:
        """The secret itself for a key file: JSON, or safetensors if it is large."""
        return pack(self.header(), self.parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Key:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            KeyFileError: if the data are not a key file.
        """
        return cls.of_document(*unpack(data))

    def header(self) -> dict[str, Any]:
        """What a key file says about the key beside its parts."""
        return {
            "key_file_version": KEY_FILE_VERSION,
            "scheme": self.scheme,
            "image_shape": self.image_shape,
            "count": self.count,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any], parts: Parts) -> Key:
        """The key that a key file holds.

        Args:
            document: what it says.
            parts: component name to array.

        Raises:
            KeyFileError: if it says no such thing.
        """
        try:
            channels, height, width = (int(edge) for edge in document["image_shape"])
            if document["key_file_version"] not in KEY_FILE_VERSIONS:
                raise ValueError(f"key file version {document['key_file_version']}")
            if any(part.dtype.kind not in "biuf" for part in parts.values()):
                raise ValueError("parts that hold no numbers")
            count = document["count"]
            if min(channels, height, width) < 1 or (count is not None and count < 0):
                raise ValueError("an image shape or count below one")
            shape = (channels, height, width)
            return cls(str(document["scheme"]), shape, parts, None if count is None else int(count))
        except _MALFORMED as error:
            raise not_a_key(error) from None

    def to_json(self) -> str:
        """The secret itself as JSON text, for a key file."""
        return _as_text(self.header(), self.parts)

    @classmethod
    def from_json(cls, text: str) -> Key:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyFileError: if the text is not a key file.
        """
        return cls.of_document(*_of_text(text))


def pack(document: Mapping[str, Any], parts: Parts) -> bytes:
    """The content of a key file: JSON, or safetensors if the parts are large."""
    if sum(part.nbytes for part in parts.values()) <= TEXT_BYTES:
        return _as_text(document, parts).encode()
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(part) for name, part in parts.items()}
    return save(arrays, {"ppattack key": json.dumps(document)})


def unpack(data: bytes) -> tuple[dict[str, Any], Parts]:
    """Read what :func:`pack` made.

    Raises:
        KeyFileError: if the data are not a key file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:  # no safetensors header, so it is text
        return _of_text(data.decode("utf-8", errors="replace"))
    try:
        header = json.loads(data[8 : 8 + length])
        return dict(json.loads(header["__metadata__"]["ppattack key"])), load(data)
    except (*_MALFORMED, SafetensorError) as error:
        raise not_a_key(error) from None


def _as_text(document: Mapping[str, Any], parts: Parts) -> str:
    texts = {
        name: {"dtype": str(array.dtype), "shape": array.shape, "data": array.ravel().tolist()}
        for name, array in parts.items()
    }
    return json.dumps({**document, "parts": texts})


def _of_text(text: str) -> tuple[dict[str, Any], Parts]:
    try:
        document = dict(json.loads(text))
        return document, {str(name): _array(part) for name, part in document.pop("parts").items()}
    except _MALFORMED as error:
        raise not_a_key(error) from None


def not_a_key(error: Exception) -> KeyFileError:
    """The error for data that are no key file."""
    return KeyFileError(
        f"not a ppattack key file ({error}): write one with 'ppattack encrypt --key-file'."
    )


def _array(part: Mapping[str, Any]) -> NDArray[Any]:
    """One key component of a key file; nothing is rounded to fit its type."""
    dtype, found = np.dtype(part["dtype"]), np.array(part["data"])
    if dtype.kind not in "biuf" or found.dtype.kind not in "biuf":
        raise ValueError(f"{part['dtype']} parts hold no numbers")
    with np.errstate(invalid="ignore", over="ignore"):
        array = found.astype(dtype)
    if not np.array_equal(array, found):
        raise ValueError(f"a value does not fit into {dtype}")
    return array.reshape([int(edge) for edge in part["shape"]])
