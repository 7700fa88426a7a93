"""The target contract: what an encryption scheme must provide to be attacked.

A pixel scheme subclasses :class:`PermXorTarget` and builds two tables from its key parts; any
other scheme subclasses :class:`Target`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ppattack import images as image_ops
from ppattack.card import TargetCard as TargetCard
from ppattack.config import as_dict, resolve
from ppattack.errors import ConfigError, ImageError, KeyFileError
from ppattack.permxor import PermXor, empty_like
from ppattack.seeding import numpy_stream
from ppattack.target.key import ImageShape as ImageShape
from ppattack.target.key import Key as Key
from ppattack.target.key import Parts as Parts
from ppattack.target.representation import Representation
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.target.public_scheme import PublicScheme

Draw: TypeAlias = "Callable[[str], np.random.Generator]"
"""Gives the independent random stream of a named key component."""


class Target(ABC):
    """An encryption scheme.

    Args:
        config: a configuration; None for the defaults.
        settings: single settings by name, over ``config``.

    Raises:
        ConfigError: for an unknown setting or a value out of range.
    """

    card: ClassVar[TargetCard]
    Config: ClassVar[type[Any]]
    secret_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that fix the key, None by default: never part of the public scheme."""

    def __init__(self, config: Any = None, **settings: Any) -> None:
        values = {**(as_dict(config) if config is not None else {}), **settings}
        self.config: Any = resolve(self.Config, values, f"target.{self.card.name}")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in as_dict(self.config).items())
        return f"{type(self).__name__}({settings})"

    @property
    def size_multiple(self) -> int:
        """Images are padded to multiples of this many pixels."""
        return 1

    def representation(self) -> Representation:
        """Plain images as the scheme transforms them: padded, unless a scheme says more."""
        return Representation(self.size_multiple)

    def padded_shape(self, image_shape: ImageShape) -> ImageShape:
        """``(C, H, W)`` of what is transformed, and so of the ciphertext."""
        return self.representation().shape(image_shape)

    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext; schemes of tokens say more."""
        return self.padded_shape(image_shape)

    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """``(C, H, W)`` of the largest plain image that has such a ciphertext.

        Raises:
            ImageError: if the scheme makes none of this shape.
        """
        channels, height, width = ciphertext_shape
        return self.representation().image_shape((channels, height, width))

    def generate_key(self, rng: np.random.Generator, image_shape: ImageShape) -> Key:
        """Draw one key.

        Args:
            rng: a generator on the CPU; the same state gives the same key on every device.
            image_shape: ``(C, H, W)`` of the plain images.
        """
        self._check_shape(image_shape)
        master = rng.bytes(32)

        def draw(component: str) -> np.random.Generator:
            return numpy_stream(master, self.card.name, component)

        return Key(self.card.name, image_shape, self.key_parts(draw, image_shape))

    def generate_keys(self, rngs: Iterable[np.random.Generator], image_shape: ImageShape) -> Key:
        """Draw one key per image, from one generator per image.

        Raises:
            ConfigError: if a setting fixes one key for all images.
        """
        for name in self.secret_settings:
            if getattr(self.config, name) is not None:
                raise ConfigError(
                    f"target.{self.card.name}.{name} fixes one key for all images: leave it out, "
                    "or use the key scope 'dataset'."
                )
        keys = [self.generate_key(rng, image_shape) for rng in rngs]
        names = keys[0].parts if keys else {}
        parts = {name: np.stack([key.parts[name] for key in keys]) for name in names}
        return Key(self.card.name, image_shape, parts, len(keys))

    @abstractmethod
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Draw the components of one key, each from its own stream ``draw(name)``."""

    @abstractmethod
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Encrypt; pure: the input is not changed and no global generator is touched.

        Args:
            images: ``(N, C, H, W)`` uint8 on any device.
            key: of this scheme and image size.
            generator: for schemes that draw fresh randomness for each image.
        """

    @abstractmethod
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """The plain images, ``(N, C, H, W)`` uint8, cropped to the key's image size.

        Raises:
            NotInvertible: if the scheme, in this variant, loses information.
        """

    @abstractmethod
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of the number of keys for one image, as the paper counts it."""

    def structure(self) -> Structure:
        """What is public about where symbols can have gone; nothing, unless a scheme says more."""
        return Structure()

    def public(self, *, own_keys: bool = True) -> PublicScheme:
        """The public part: algorithm and geometry, built anew from the configuration."""
        from ppattack.target.public_scheme import PublicScheme

        withheld = dict.fromkeys(self.secret_settings)
        return PublicScheme(type(self)(self.config, **withheld), own_keys=own_keys)

    def _check_shape(self, image_shape: ImageShape) -> None:
        if image_shape[0] not in self.card.channels:
            wanted = " or ".join(str(count) for count in self.card.channels)
            raise ImageError(
                f"target '{self.card.name}' takes images of {wanted} channels, "
                f"not {image_shape[0]}."
            )

    def check_key(self, images: Tensor, key: Key, shape: ImageShape) -> None:
        """Refuse a key of another scheme, image size or number of images."""
        if key.scheme != self.card.name:
            raise KeyFileError(f"the key is for '{key.scheme}', not for '{self.card.name}'.")
        if tuple(images.shape[1:]) != shape:
            raise ImageError(
                f"the key is for images of shape {key.image_shape} (ciphertexts "
                f"{self.padded_shape(key.image_shape)}), not {tuple(images.shape[1:])}: "
                "make a key for this size with generate_key."
            )
        if key.count is not None and key.count != len(images):
            raise KeyFileError(
                f"the key holds one key per image for {key.count} images, not {len(images)}."
            )


class PermXorTarget(Target):
    """A scheme that is one :class:`~ppattack.permxor.PermXor` of the prepared image."""

    KEYS_AT_ONCE: ClassVar[int] = 256
    """Keys drawn or made into tables at a time under one key per image."""
    TABLE_BYTES: ClassVar[int] = 1 << 20
    """Image bytes that the tables made at a time may serve: bounds the memory for large images."""

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
        for target, found in key._permxor:
            if target is self:
                return found
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
        key._permxor.append((self, made))
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

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """See :meth:`Target.encrypt`."""
        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        return self._transform(self.representation().prepare(images), key, lambda table: table)

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """See :meth:`Target.decrypt`."""
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
