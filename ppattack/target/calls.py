"""Calls of a scheme's methods: they get copies, and what comes back is checked.

Whatever a plug-in does to its input, images that are scored or attacked stay as they are; and what
breaks the contract is named by the class and the method at fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Protocol

from ppattack.card import TargetCard
from ppattack.errors import KeyFileError, PluginError, PpattackError, RunFailed, kept_running
from ppattack.images import ImageShape

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ppattack.target.key import Key


class Scheme(Protocol):
    """What is called here: a :class:`~ppattack.target.base.Target`."""

    takes_key_per_image: ClassVar[bool]

    @property
    def card(self) -> TargetCard:
        """What it is."""

    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext."""

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """The ciphertexts."""

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """The plain images."""


def encrypt(
    scheme: Scheme, images: Tensor, key: Key, generator: np.random.Generator | None = None
) -> Tensor:
    """The ciphertexts of a copy of the images, contiguous in memory.

    Args:
        scheme: encrypts.
        images: ``(N, C, H, W)`` uint8; they stay as they are.
        key: of this scheme and image size.
        generator: for schemes that draw fresh randomness for each image.

    Raises:
        PluginError: if what comes back are not as many ciphertexts as the scheme says.
        RunFailed: if the plug-in tries to end the program.
    """
    with kept_running(named(scheme)):
        made = answered(scheme, images.clone(), key, generator)
    check_ciphertexts(scheme, made, images)
    return made.contiguous()


def answered(
    scheme: Scheme, images: Tensor, key: Key, generator: np.random.Generator | None
) -> Tensor:
    """What ``encrypt`` returns, unchecked; one that takes no generator gets none."""
    if "generator" not in _parameters(type(scheme).encrypt):
        return _for_each_key(scheme, images, key, scheme.encrypt)

    def drawing(part: Tensor, single: Key) -> Tensor:
        return scheme.encrypt(part, single, generator=generator)

    return _for_each_key(scheme, images, key, drawing)


def _for_each_key(
    scheme: Scheme, images: Tensor, key: Key, work: Callable[[Tensor, Key], Tensor]
) -> Tensor:
    """All images at once, or one after another if the scheme takes single keys only."""
    import torch

    if key.count is None or not len(images) or scheme.takes_key_per_image:
        return work(images, key)
    if key.count != len(images):
        raise KeyFileError(f"the key holds keys for {key.count} images, not {len(images)}.")
    return torch.cat([work(images[i : i + 1], key.single(i)) for i in range(len(images))])


@cache
def _parameters(function: Callable[..., object]) -> frozenset[str]:
    """The names that a function can be called with."""
    found = inspect.signature(function).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in found.values()):
        return frozenset({*found, "generator"})
    return frozenset(found)


def decrypt(scheme: Scheme, ciphertexts: Tensor, key: Key) -> Tensor:
    """The plain images of a copy of the ciphertexts, ``(N, C, H, W)`` uint8, contiguous in memory.

    Raises:
        NotInvertible: if the scheme, in this variant, loses information.
        PluginError: if what comes back are not as many plain images.
        RunFailed: if the plug-in tries to end the program.
    """
    with kept_running(named(scheme)):
        made = _for_each_key(scheme, ciphertexts.clone(), key, scheme.decrypt)
    _check_tensor(made, scheme, "decrypt", ciphertexts)
    wanted = (len(ciphertexts), *key.image_shape)
    _check_shape(made, wanted, scheme, "decrypt", "return one plain image for each ciphertext")
    _check_numbers(made, scheme, "decrypt", tokens=False)
    return made.contiguous()


def check_ciphertexts(scheme: Scheme, made: Tensor, images: Tensor) -> None:
    """Refuse what are not the ciphertexts of these images, as many and of the form it says.

    Raises:
        PluginError: naming the class, the method at fault and the cure.
    """
    _check_tensor(made, scheme, "encrypt", images)
    channels, height, width = images.shape[1:]
    one = tuple(scheme.ciphertext_shape((channels, height, width)))
    cure = "return one ciphertext for each image, or mend ciphertext_shape"
    _check_shape(made, (len(images), *one), scheme, "encrypt", cure)
    _check_numbers(made, scheme, "encrypt", tokens=scheme.card.cipher == "tokens")


def named(scheme: Scheme) -> str:
    """A scheme in words: its name and its class."""
    return f"target '{scheme.card.name}' (class {type(scheme).__qualname__})"


def fault(scheme: Scheme, method: str, words: str) -> PluginError:
    """The error of a method that breaks the contract; ``words`` say what is wrong and the cure."""
    return PluginError(f"{named(scheme)}: {method} {words}.")


@contextmanager
def naming(scheme: Scheme, method: str) -> Iterator[None]:
    """Name the method in which a plug-in's own code fails."""
    try:
        yield
    except (PpattackError, RunFailed):
        raise
    except Exception as error:
        words = f"failed with {type(error).__name__}: {error}"
        raise fault(scheme, method, words) from error


def _check_tensor(made: object, scheme: Scheme, method: str, given: Tensor) -> None:
    import torch

    if not isinstance(made, torch.Tensor):
        cure = "return a torch.Tensor, for example torch.from_numpy(array)"
        raise fault(scheme, method, f"returned a {type(made).__qualname__}: {cure}")
    if made.device != given.device:
        cure = "return the result on the device of its input"
        raise fault(scheme, method, f"returned a tensor on {made.device}: {cure}")


def _check_shape(
    made: Tensor, wanted: tuple[int, ...], scheme: Scheme, method: str, cure: str
) -> None:
    if tuple(made.shape) != wanted:
        words = f"returned the shape {tuple(made.shape)}, not {wanted}: {cure}"
        raise fault(scheme, method, words)


def _check_numbers(made: Tensor, scheme: Scheme, method: str, *, tokens: bool) -> None:
    import torch

    if not tokens:
        if made.dtype != torch.uint8:
            cure = (
                "return whole numbers from 0 to 255, values.round().clamp(0, 255).to(torch.uint8)"
            )
            raise fault(scheme, method, f"returned {made.dtype}, not torch.uint8: {cure}")
    elif made.dtype != torch.float32:
        cure = "tokens are torch.float32"
        raise fault(scheme, method, f"returned {made.dtype}: {cure}")
    elif not bool(torch.isfinite(made).all()):
        raise fault(scheme, method, "returned numbers that are not finite: tokens must be finite")
