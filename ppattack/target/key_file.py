"""Key files: a key, the settings it was used with, and the ciphertexts that it made.

A ciphertext is known again by its pixels. One that was compressed on its way, as JPEG does, no
longer has them. It is taken by its name if it still looks the same: the means of blocks of 8 x 8
pixels, which JPEG keeps best, have hardly changed, and single pixels go with those that were
written. That holds for JPEG of quality 20 and above, for all schemes here, and for no ciphertext
of another key. Older key files hold the key alone, and nothing can be checked with them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.config import as_dict
from ppattack.errors import KeyFileError
from ppattack.target.base import Target
from ppattack.target.key import Key, not_a_key, pack, unpack

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 2
EDGE = 8
"""Pixels of the blocks whose means JPEG keeps best."""
MEANS, PIXELS = 64, 256
"""Blocks and pixels remembered of one ciphertext, evenly spread over it."""
MOST_CHANGED = 8.0
"""Levels by which the means may differ at most, root mean square: JPEG of quality 5 changes 6."""
LEAST_CORRELATED = 0.27
"""How pixels must go together: JPEG 30 leaves 0.5 of noise; other pixels reach 0.24 by chance."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Written:
    """One ciphertext that was written.

    Args:
        name: of its file, without the extension.
        row: its place among the images of the key, which matters if each has its own.
        content: a hash of shape and values.
        means: of blocks in grey, two hexadecimal digits each; empty for tokens.
        pixels: in grey, one digit each; likewise.
    """

    name: str
    row: int
    content: str
    means: str
    pixels: str

    @classmethod
    def of(cls, name: str, row: int, ciphertext: Tensor) -> Written:
        """What is remembered of a ciphertext, ``(C, H, W)`` uint8 or float32 tokens."""
        values = np.ascontiguousarray(ciphertext.cpu().numpy())
        digest = hashlib.sha256(f"{values.dtype.str}{values.shape}".encode() + values.tobytes())
        look = _look(values) if values.dtype == np.uint8 else ("", "")
        return cls(Path(name).stem, row, digest.hexdigest()[:32], *look)

    def resembles(self, other: Written) -> bool:
        """Whether one may be the other after compression."""
        if not self.means or len(self.means) != len(other.means):
            return False
        ours, theirs = (np.array(list(bytes.fromhex(each.means)), float) for each in (self, other))
        allowed = min(2 + ours.std() / 2, MOST_CHANGED)
        if np.sqrt(np.mean((ours - theirs) ** 2)) > allowed:
            return False
        ours, theirs = (
            np.array([int(digit, 16) for digit in each.pixels], float) for each in (self, other)
        )
        if len(ours) != len(theirs) or not ours.std() or not theirs.std():
            return len(ours) == len(theirs)  # flat: the means say it all
        return bool(np.corrcoef(ours, theirs)[0, 1] >= LEAST_CORRELATED)


@dataclass(frozen=True)
class KeyFile:
    """What a key file holds.

    Args:
        key: the secret.
        settings: of the scheme, without those that fix the key; None if the file does not say.
        written: the ciphertexts.
    """

    key: Key
    settings: Mapping[str, Any] | None
    written: tuple[Written, ...] = ()

    @classmethod
    def new(cls, target: Target, key: Key) -> KeyFile:
        """A key of a scheme, with which nothing has been encrypted yet."""
        return cls(key, public_settings(target))

    @property
    def is_old(self) -> bool:
        """Whether it holds the key alone."""
        return self.settings is None

    def adding(self, names: Sequence[str], rows: Sequence[int], ciphertexts: Tensor) -> KeyFile:
        """The same with more ciphertexts; one that is known already is not added again.

        Args:
            names: of their files.
            rows: the place of each among the images of the key.
            ciphertexts: in the order of the names.
        """
        given = zip(names, rows, ciphertexts, strict=True)
        found = (Written.of(name, row, ciphertext) for name, row, ciphertext in given)
        return replace(self, written=tuple(dict.fromkeys([*self.written, *found])))

    def to_bytes(self) -> bytes:
        """The content of the file; that of an old one stays as it was."""
        if self.is_old:
            return self.key.to_bytes()
        document = {
            **self.key.header(),
            "key_file_version": VERSION,
            "settings": self.settings,
            "ciphertexts": [list(astuple(one)) for one in self.written],
        }
        return pack({**document, "check": _check(document, self.key)}, self.key.parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyFile:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            KeyFileError: if the data are not a key file, or were changed since.
        """
        document, parts = unpack(data)
        key = Key.of_document(document, parts)
        if document["key_file_version"] != VERSION:
            return cls(key, None)
        if document.pop("check", None) != _check(document, key):
            raise KeyFileError(
                "the key file was changed since it was written: use the file as it was."
            )
        try:
            rows = [Written(*row) for row in document["ciphertexts"]]
            return cls(key, dict(document["settings"]), tuple(rows))
        except (LookupError, TypeError, ValueError) as error:
            raise not_a_key(error) from None

    def check_scheme(self, target: Target) -> None:
        """Refuse another scheme, or other settings than the key was used with.

        Raises:
            KeyFileError: naming them.
        """
        check_scheme(target, self.key.scheme, self.settings)

    def match(self, names: Sequence[str], ciphertexts: Tensor) -> tuple[Key, list[str]]:
        """The key of some ciphertexts, and those that changed since they were written.

        Args:
            names: of their files.
            ciphertexts: in the order of the names.

        Raises:
            KeyFileError: naming the first that was renamed or that this key did not make.
        """
        if self.is_old:
            return self.key, []
        found = _Finder(self)
        rows = [found.row(name, ciphertexts[i]) for i, name in enumerate(names)]
        if self.key.count is None:
            return self.key, found.changed
        parts = {name: part[rows] for name, part in self.key.parts.items()}
        key = Key(self.key.scheme, self.key.image_shape, parts, len(rows))
        return key, found.changed


class _Finder:
    """Looks ciphertexts up among those that were written."""

    def __init__(self, file: KeyFile) -> None:
        self.own_keys = file.key.count is not None
        self.changed: list[str] = []
        self.by_name: dict[str, list[Written]] = {}
        self.by_content: dict[str, Written] = {}
        for one in file.written:
            self.by_name.setdefault(one.name, []).append(one)
            self.by_content.setdefault(one.content, one)

    def row(self, name: str, ciphertext: Tensor) -> int:
        """Which image's key it needs."""
        given = Written.of(name, 0, ciphertext)
        same_name = self.by_name.get(given.name, [])
        exact = next((one for one in same_name if one.content == given.content), None)
        if exact is not None:
            return exact.row
        other = self.by_content.get(given.content)
        if other is not None:
            if self.own_keys:
                raise KeyFileError(
                    f"'{name}' is the ciphertext that was written as '{other.name}': "
                    "every image has its own key, found by the name, so rename it back."
                )
            return other.row
        like = next((one for one in same_name if one.resembles(given)), None)
        if like is not None:
            self.changed.append(name)
            return like.row
        if same_name:
            raise KeyFileError(
                f"'{name}' does not hold the ciphertext that was written under this name: "
                "use the file as it was, or its own key."
            )
        raise KeyFileError(
            f"'{name}' is not one of the {len(self.by_content)} ciphertexts made with this key: "
            "take it out of the folder, or give it its old name if it was renamed."
        )


def check_scheme(target: Target, scheme: str, settings: Mapping[str, Any] | None) -> None:
    """Refuse another scheme, or other settings than a key was used with.

    Args:
        target: the scheme that is named.
        scheme: the name of the key's.
        settings: the key's; None if its file does not say.

    Raises:
        KeyFileError: naming them.
    """
    name = target.card.name
    if scheme != name:
        raise KeyFileError(f"the key is for '{scheme}', not for '{name}'.")
    if settings is None:
        return
    now, usual = public_settings(target), public_settings(type(target)())
    then = {**usual, **settings}
    other = [each for each in then if then[each] != now.get(each)]
    if other:
        said = ", ".join(
            f"target.{each}={_text(then[each])}, not {_text(now.get(each))}" for each in other
        )
        cure = " ".join(f"--set target.{each}={_text(then[each])}" for each in other)
        raise KeyFileError(f"the key was used with {said}: add {cure}.")


def public_settings(target: Target) -> dict[str, Any]:
    """The settings that a key does not hold, as JSON gives them back."""
    values = as_dict(target.config)
    public = {name: value for name, value in values.items() if name not in target.secret_settings}
    settings: dict[str, Any] = json.loads(json.dumps(public, default=str))
    return settings


def _text(value: Any) -> str:
    """A value as ``--set`` takes it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _check(document: Mapping[str, Any], key: Key) -> str:
    text = json.dumps(document, sort_keys=True) + key.fingerprint
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _look(pixels: NDArray[np.uint8]) -> tuple[str, str]:
    """The means of blocks, and single pixels, both in grey and as hexadecimal digits."""
    grey = np.tensordot(LUMA, pixels, 1) if len(pixels) == len(LUMA) else pixels.mean(axis=0)
    rows, columns = (min(EDGE, edge) for edge in grey.shape)
    height, width = grey.shape[0] // rows, grey.shape[1] // columns  # a rim is left out
    blocks = grey[: height * rows, : width * columns].reshape(height, rows, width, columns)
    means = _spread(blocks.mean(axis=(1, 3)), MEANS)
    return means.tobytes().hex(), "".join(f"{value >> 4:x}" for value in _spread(grey, PIXELS))


def _spread(values: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """So many of the values at most, evenly spread and rounded."""
    flat = values.ravel()
    chosen = np.linspace(0, len(flat) - 1, min(count, len(flat))).astype(int)
    rounded: NDArray[np.uint8] = np.rint(flat[chosen]).astype(np.uint8)
    return rounded
