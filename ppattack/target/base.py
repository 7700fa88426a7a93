"""The target contract: what an encryption scheme must provide to be attacked.

A pixel scheme subclasses :class:`PermXorTarget` and builds two tables from its key parts; any
other scheme subclasses :class:`Target`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ppattack.card import KeyScope, TargetCard
from ppattack.config import as_dict, resolve
from ppattack.errors import (
    ConfigError,
    ImageError,
    KeyFileError,
    NotInvertible,
    ThreatModelError,
)
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream
from ppattack.target.calls import encrypt
from ppattack.target.key import Key, Parts
from ppattack.target.linear_form import LinearForm
from ppattack.target.representation import Representation
from ppattack.target.structure import Structure

if TYPE_CHECKING:
    from torch import Tensor

KEYS_AT_ONCE = 256
"""Keys generated or made into tables at a time if every image has its own."""
Draw: TypeAlias = "Callable[[str], np.random.Generator]"
"""Gives the independent random stream of a named key component."""


@dataclass(frozen=True)
class NoSettings:
    """The settings of a scheme that has none."""


class Target(ABC):
    """An encryption scheme; :meth:`encrypt` is all that it must have.

    Without a ``card`` it is called like its class, and its ciphertexts are images. Without
    :meth:`key_parts` its key lies in its own code, if it has one: nobody can draw another, so it
    has one key for all images, and no attack is given the scheme to run. Without :meth:`decrypt`
    nothing is decrypted.

    Args:
        config: a configuration; None for the defaults.
        settings: single settings by name, over ``config``.

    Raises:
        ConfigError: for an unknown setting or a value out of range.
    """

    card: ClassVar[TargetCard]
    Config: ClassVar[type[Any]] = NoSettings
    secret_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that fix the key, None by default; they are never part of the public scheme."""
    takes_key_per_image: ClassVar[bool] = False
    """Whether ``encrypt`` and ``decrypt`` take keys that hold one for each image (``key.count``).

    Otherwise they are called image by image, with single keys."""
    _names_itself: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "card" in vars(cls):
            cls._names_itself = True
        elif not cls._names_itself:
            cls.card = _card_of(cls)

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
        """Plain images in the form that is transformed: padded, unless overridden."""
        return Representation(self.size_multiple)

    def padded_shape(self, image_shape: ImageShape) -> ImageShape:
        """``(C, H, W)`` of what is transformed, and so of the ciphertext."""
        return self.representation().shape(image_shape)

    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext; schemes whose ciphertexts are tokens override this."""
        return self.padded_shape(image_shape)

    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """``(C, H, W)`` of the largest plain image that has such a ciphertext.

        Raises:
            ImageError: if the scheme makes none of this shape.
        """
        channels, height, width = ciphertext_shape
        return self.representation().image_shape((channels, height, width))

    def generate_key(self, rng: np.random.Generator, image_shape: ImageShape) -> Key:
        """Generate one key.

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
        """Generate one key per image, from one generator per image.

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

    @property
    def draws_keys(self) -> bool:
        """Whether keys are drawn; otherwise the scheme has none, or keeps it in its code."""
        kind = type(self)
        drawn = (kind.key_parts, kind.generate_key)
        return drawn != (Target.key_parts, Target.generate_key)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Generate the components of one key, each from its own stream ``draw(name)``."""
        del draw, image_shape
        return {}

    @abstractmethod
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Encrypt; pure: the input is not changed and no global generator is touched.

        Args:
            images: ``(N, C, H, W)`` uint8 on any device.
            key: a key of this scheme and image size.
            generator: for schemes that draw fresh randomness for each image; others may leave
                the parameter out.
        """

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """The plain images, ``(N, C, H, W)`` uint8, cropped to the key's image size.

        Raises:
            NotInvertible: if the scheme, in this variant, loses information.
        """
        del ciphertexts, key
        raise NotInvertible(f"'{self.card.name}' has no decrypt: add it to decrypt files.")

    def released_labels(self, labels: Tensor, classes: int, key: Key) -> Tensor:
        """What is released of the classes of images beside their ciphertexts: the class of each.

        Args:
            labels: ``(N,)`` int64, the class of each image.
            classes: how many there are.
            key: under which the images are encrypted together.
        """
        del classes, key
        return labels.clone()

    def key_space_bits(self, image_shape: ImageShape) -> float | None:
        """log2 of the number of keys for one image, as the paper counts it; None if unknown."""
        del image_shape
        return None

    def structure(self) -> Structure:
        """What is public about where symbols can have gone: nothing, unless overridden."""
        return Structure()

    def files(self) -> tuple[Path, ...]:
        """Files beside its code that decide what it does; runs with other contents are others."""
        return ()

    def for_contract(self) -> Target:
        """The same scheme, as small as can be, to try its contract on; itself, unless overridden.

        A scheme whose keys take seconds to generate runs the same code here with fewer numbers.
        """
        return self

    def linear_form(self) -> LinearForm | None:
        """What is public about the blocks that it multiplies by matrices; None if it does not."""
        return None

    def public(self, *, own_keys: bool = True) -> PublicScheme:
        """The public part: algorithm and geometry, built anew from the configuration."""
        withheld = dict.fromkeys(self.secret_settings)
        return PublicScheme(type(self)(self.config, **withheld), own_keys=own_keys)

    def _check_shape(self, image_shape: ImageShape) -> None:
        if image_shape[0] not in self.card.channels:
            raise ImageError(
                f"target '{self.card.name}' {_wanted_channels(self.card.channels, image_shape[0])}."
            )

    def check_key(self, images: Tensor, key: Key, shape: ImageShape) -> None:
        """Refuse a key for another scheme, image size or number of images."""
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


def _wanted_channels(wanted: tuple[int, ...], given: int) -> str:
    """What images a scheme takes, what it was given, and where others come from."""
    if wanted == (1,):
        return (
            f"takes grey images only, and these have {given} channels: use --data folder:DIR with "
            "grey files, --data npz:FILE with grey arrays, or --data mnist"
        )
    if wanted == (3,):
        return (
            f"takes RGB images only, and these have {given} channel{'s' * (given != 1)}: use "
            "--data photos, or --data folder:DIR with RGB files"
        )
    counts = " or ".join(map(str, wanted))
    return f"takes images with {counts} channels, not {given}"


def _card_of(cls: type[Target]) -> TargetCard:
    """The card of a class that has none."""
    words = (cls.__doc__ or "").strip().partition("\n")[0]
    drawn = cls.key_parts is not Target.key_parts
    scopes: tuple[KeyScope, ...] = ("dataset", "image") if drawn else ("dataset",)
    return TargetCard(name=cls.__name__.lower(), title=words, key_scopes=scopes)


class PublicScheme:
    """What everybody knows of a scheme. Holds no secret of the victims.

    Args:
        target: a fresh instance of the scheme.
        own_keys: whether the threat model lets the adversary encrypt under its own keys.
    """

    __slots__ = ("_target", "card", "config", "linear", "representation", "structure")

    def __init__(self, target: Target, *, own_keys: bool) -> None:
        self.card = target.card
        self.config = target.config
        self.structure = target.structure()
        self.linear = target.linear_form()
        self.representation = target.representation()
        self._target = target if own_keys else None

    @property
    def name(self) -> str:
        """The scheme's registered name."""
        return self.card.name

    @property
    def own_keys(self) -> bool:
        """Whether the adversary can encrypt under its own keys."""
        return self._target is not None

    @property
    def target(self) -> Target:
        """The algorithm itself, for keys that the adversary draws.

        Raises:
            ThreatModelError: if the threat model does not grant own keys.
        """
        if self._target is None:
            raise ThreatModelError(
                "this threat model does not let the adversary run the scheme under its own keys: "
                "an attack that needs it must say own_keys=True in its requirement."
            )
        return self._target

    def encrypt_with_fresh_keys(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Encrypt the adversary's images, each under a key drawn from ``rng``.

        A scheme that has no keys for each image (``card.key_scopes``) gets one image at a time.

        Args:
            images: ``(N, C, H, W)`` uint8.
            rng: the adversary's generator.

        Returns:
            ``(N, C, H', W')`` uint8 ciphertexts, or tokens.
        """
        import torch

        target = self.target
        channels, height, width = images.shape[1:]
        master = rng.bytes(16)
        done = []
        many = "image" in target.card.key_scopes
        step = KEYS_AT_ONCE if many else 1
        for start in range(0, len(images), step):
            part = images[start : start + step]
            own = [numpy_stream(master, start + i) for i in range(len(part))]
            shape = (channels, height, width)
            key = target.generate_keys(own, shape) if many else target.generate_key(own[0], shape)
            done.append(encrypt(target, part, key, rng))
        return torch.cat(done)


def generate_scoped_key(
    target: Target, shape: ImageShape, scope: KeyScope, seed: int | bytes, name: str, count: int
) -> Key:
    """The key of a named stream: one for all images, or one for each of ``count``.

    Args:
        target: the scheme.
        shape: ``(C, H, W)`` of the plain images.
        scope: ``dataset`` or ``image``.
        seed: of the run, or random bits.
        name: of the stream.
        count: images; it matters for the scope ``image`` only.
    """
    if scope == "dataset":
        return target.generate_key(numpy_stream(seed, name), shape)
    return target.generate_keys((numpy_stream(seed, name, i) for i in range(count)), shape)
