"""A cipher that is a function of the calling program, for notebooks.

The program holds it while a run is under way; a run names it, and reports say its name. It holds
its own key, if it has one. Attacks are given answers that their threat model grants, never the
function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.card import TargetCard
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError, PluginError, ThreatModelError
from ppattack.target.base import Target
from ppattack.target.key import Key

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_MULTIPLE = 256
"""Pixels to whose multiples a function may pad, at most."""
_numbers = count()


@dataclass(frozen=True)
class Layout:
    """How the calling program lays out its images.

    Args:
        tensors: whether they are tensors of torch, not arrays of NumPy.
        channels_last: ``(N, H, W, C)``, not ``(N, C, H, W)``.
        flat: grey images have no axis of channels: ``(N, H, W)``.
    """

    tensors: bool = False
    channels_last: bool = True
    flat: bool = False

    def given(self, images: Tensor) -> Any:
        """A copy of images ``(N, C, H, W)`` uint8 in this layout."""
        laid = images.permute(0, 2, 3, 1) if self.channels_last else images
        if self.flat:
            laid = images[:, 0]
        laid = laid.cpu().clone().contiguous()
        return laid if self.tensors else laid.numpy()

    def words(self) -> str:
        """The shape of a batch."""
        if self.flat:
            return "(N, H, W)"
        return "(N, H, W, C)" if self.channels_last else "(N, C, H, W)"


@dataclass(frozen=True, eq=False)
class Cipher:
    """A function that encrypts, and how it is called.

    Args:
        function: takes images and returns as many ciphertexts.
        name: for reports and errors.
        layout: of its images.
        batch: whether it takes a batch, not single images.
    """

    function: Callable[[Any], Any]
    name: str
    layout: Layout = field(default_factory=Layout)
    batch: bool = True
    number: int = field(default_factory=lambda: next(_numbers))

    def encrypted(self, images: Tensor) -> Tensor:
        """The ciphertexts ``(N, C, H', W')`` uint8 of images ``(N, C, H, W)`` uint8.

        Raises:
            PluginError: if it fails, or returns anything else.
        """
        import torch

        given = self.layout.given(images)
        parts = [given] if self.batch else list(given)
        try:
            made = [self.function(part) for part in parts]
        except Exception as error:
            words = f"failed with {type(error).__name__}: {error}"
            raise self._fault(f"{words} on {_described(parts[0])}") from error
        arrays = [self._bytes(each) for each in made]
        if not self.batch:
            if len({each.shape for each in arrays}) > 1:
                raise self._fault("returned ciphertexts of several shapes: pad them to one")
            arrays = [np.stack(arrays)]
        found = arrays[0]
        if found.ndim == 3 and images.shape[1] == 1:
            found = found[:, None]
        elif found.ndim == 4 and self.layout.channels_last:
            found = found.transpose(0, 3, 1, 2)
        if found.ndim != 4 or found.shape[:2] != tuple(images.shape[:2]):
            raise self._fault(
                f"returned {_described(made[0])} for {_described(parts[0])}: return one ciphertext "
                f"for each image, with as many channels, in the same layout {self.layout.words()}"
            )
        return torch.from_numpy(np.ascontiguousarray(found)).to(images.device)

    def multiple(self, images: Tensor) -> int:
        """To multiples of how many pixels it pads images, judged by some.

        Raises:
            PluginError: if ciphertexts have a size that padding does not explain.
        """
        made = self.encrypted(images)
        before, after = tuple(images.shape[2:]), tuple(made.shape[2:])
        powers = (1, 2, 4, 8, 16, 32, 64, 128, 256)
        for edge in chain(powers, range(3, LARGEST_MULTIPLE)):
            if all(-(-old // edge) * edge == new for old, new in zip(before, after, strict=True)):
                return edge
        raise self._fault(
            f"turns images of {before[0]}x{before[1]} pixels into ciphertexts of "
            f"{after[0]}x{after[1]}: keep the size, or pad at the right and below to a multiple "
            f"of at most {LARGEST_MULTIPLE}"
        )

    def _bytes(self, made: Any) -> NDArray[np.uint8]:
        """An array or tensor of whole numbers from 0 to 255 as bytes."""
        tensor = hasattr(made, "detach")
        found = made.detach().cpu().numpy() if tensor else np.asarray(made)
        if found.dtype == np.uint8:
            return np.asarray(found)
        whole = found.dtype.kind in "iu" and found.size
        if whole and found.min() >= 0 and found.max() <= 255:
            return np.asarray(found, np.uint8)
        raise self._fault(
            f"returned {_described(made)}, not uint8: return whole numbers from 0 to 255, for "
            "example values.round().clip(0, 255).astype('uint8')"
        )

    def _fault(self, words: str) -> PluginError:
        return PluginError(f"encrypt={self.name} {words}.")


def _described(value: Any) -> str:
    """A value by its kind, type and shape."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        kind = "a tensor" if hasattr(value, "detach") else "an array"
        return f"{kind} of {value.dtype} of shape {tuple(value.shape)}"
    return f"a {type(value).__qualname__}"


_held: dict[str, Cipher] = {}


@contextmanager
def holding(cipher: Cipher) -> Iterator[str]:
    """A context in which the target ``function`` can be built on a cipher.

    Gives:
        the setting ``function`` that names it.
    """
    name = cipher.name if cipher.name not in _held else f"{cipher.name}-{cipher.number}"
    _held[name] = cipher
    try:
        yield name
    finally:
        del _held[name]


class Function(Target):
    """A function that the calling program holds and that encrypts under the one key it has.

    Threat model: that of the attack. The public part of the scheme holds no function.
    """

    card = TargetCard(
        name="function",
        title="A function of the calling program",
        invertible=False,
        key_scopes=("dataset",),
        deterministic=False,
    )
    secret_settings = ("function",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        function: Annotated[
            str | None, Doc("the name under which the calling program holds it")
        ] = None
        multiple: Annotated[
            int,
            Interval(ge=1, le=LARGEST_MULTIPLE),
            Doc("ciphertexts are padded to multiples of it, pixels"),
        ] = 1

    def __init__(self, config: Any = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        name = self.config.function
        self._cipher = None if name is None else _held.get(name)
        if name is not None and self._cipher is None:
            raise ConfigError(
                f"no program holds a function '{name}': the target 'function' is for "
                "ppattack.attack(images, encrypt=FUNCTION) and ppattack.audit in Python."
            )

    @override
    def __repr__(self) -> str:
        number = "" if self._cipher is None else f", number={self._cipher.number}"
        return f"{super().__repr__()[:-1]}{number})"

    @property
    @override
    def size_multiple(self) -> int:
        """As the function pads images."""
        return int(self.config.multiple)

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """What the function makes of the images.

        Raises:
            PluginError: if it fails, or returns anything but as many ciphertexts.
            ThreatModelError: if this is the public part of a scheme.
        """
        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        if self._cipher is None:
            raise ThreatModelError(
                "no function: attacks are given answers of a function, never the function, and "
                "the target 'function' is for ppattack.attack(images, encrypt=FUNCTION) in Python."
            )
        if not len(images):
            return images.new_empty((0, *self.padded_shape(key.image_shape)))
        return self._cipher.encrypted(images)
