"""Pixel schemes: a permutation and a mask of the bytes or nibbles of an image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.errors import KeyFileError
from ppattack.images import ImageShape
from ppattack.permxor import PermXor, empty_like
from ppattack.target.base import KEYS_AT_ONCE, Target
from ppattack.target.key import Key, Parts

if TYPE_CHECKING:
    from torch import Tensor


class PermXorTarget(Target):
    """A scheme that is one :class:`~ppattack.permxor.PermXor` of the prepared image."""

    takes_key_per_image = True
    KEYS_AT_ONCE: ClassVar[int] = KEYS_AT_ONCE
    """Keys drawn or made into tables at a time under one key per image."""
    TABLE_BYTES: ClassVar[int] = 1 << 20
    """Image bytes that tables made at a time may serve, to limit the memory for large images."""

    def __init__(self, config: Any = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        self._tables: WeakKeyDictionary[Key, PermXor] = WeakKeyDictionary()

    @abstractmethod
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """Build index and mask.

        Args:
            parts: key components, each with a leading axis of K keys.
            shape: ``(C, H, W)`` of what is transformed.

        Returns:
            tables of shape ``(K, symbols)``.
        """

    def permxor(self, key: Key) -> PermXor:
        """The transformation that a key stands for (built once per key).

        Raises:
            KeyFileError: if the key's parts are not those of this scheme and image size.
        """
        if key in self._tables:
            return self._tables[key]
        self._check_parts(key)
        shape = self.padded_shape(key.image_shape)
        shared = _is_shared(key)
        parts = {name: part[None] for name, part in key.parts.items()} if shared else key.parts
        try:
            made = self.tables(parts, shape)
        except IndexError as error:
            raise KeyFileError(
                f"the key for '{key.scheme}' holds a number out of range ({error}): "
                "make a new one with generate_key."
            ) from None
        if shared:
            made = PermXor(made.index[0], made.mask[0], made.unit)
        self._tables[key] = made
        return made

    def _check_parts(self, key: Key) -> None:
        """Refuse parts whose names, types or shapes differ from those that a key draws."""
        model = self.generate_key(np.random.default_rng(0), key.image_shape).parts
        lead = () if key.count is None else (key.count,)
        wanted = {name: (part.dtype, (*lead, *part.shape)) for name, part in model.items()}
        found = {name: (part.dtype, part.shape) for name, part in key.parts.items()}
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                raise KeyFileError(
                    f"part '{name}' of the key for '{key.scheme}' is {_described(found, name)}, "
                    f"not {_described(wanted, name)}: make a new key with generate_key."
                )

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        return self._transform(self.representation().prepare(images), key, lambda table: table)

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        image_ops.check(ciphertexts, "ciphertexts")
        self.check_key(ciphertexts, key, self.padded_shape(key.image_shape))
        plain = self._transform(ciphertexts, key, PermXor.inverse)
        return self.representation().restore(plain, key.image_shape)

    def _transform(self, images: Tensor, key: Key, table: Callable[[PermXor], PermXor]) -> Tensor:
        if _is_shared(key):
            return table(self.permxor(key))(images)
        step = max(1, min(self.KEYS_AT_ONCE, self.TABLE_BYTES // images.shape[1:].numel()))
        out = empty_like(images)
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            out[part] = table(self.permxor(key.rows(part)))(images[part])
        return out


def _is_shared(key: Key) -> bool:
    """Whether one table serves every image: a data-set key, or a scheme without a key."""
    return key.count is None or not key.parts


def _described(parts: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], name: str) -> str:
    if name not in parts:
        return "absent"
    dtype, shape = parts[name]
    return f"{dtype} of shape {shape}"
