"""A recovered map: a chain of steps from plain images to ciphertexts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.maps.linear import Affine, BlockLinear, BlockModular
from ppattack.maps.steps import Rows, Running, Shuffle, Step, Tables
from ppattack.maps.substitution import MaskedTable

if TYPE_CHECKING:
    from torch import Tensor

Arrays = Mapping[str, NDArray[Any]]
SHAPES = "shapes"
STEPS: dict[str, type[Step]] = {
    step.kind: step
    for step in (Shuffle, Tables, Running, Affine, BlockLinear, BlockModular, MaskedTable)
}


@dataclass(frozen=True, eq=False)
class CipherMap:
    """A recovered map: steps, in the order of encryption.

    Args:
        plain_shape: ``(C, H, W)`` of plain images, in the form that the scheme transforms.
        cipher_shape: ``(C, H, W)`` of ciphertexts, of as many bytes.
        steps: on rows of bytes; none for the identity.

    Raises:
        ImageError: if the steps do not fit the shapes.
    """

    plain_shape: ImageShape
    cipher_shape: ImageShape
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        size = int(np.prod(self.plain_shape))
        if size < 1 or size != int(np.prod(self.cipher_shape)):
            raise ImageError(
                f"a map leads from images of shape {self.plain_shape} to ciphertexts of as many "
                f"bytes, not to {self.cipher_shape}."
            )
        for step in self.steps:
            step.check(size)

    def apply(self, images: Tensor) -> Tensor:
        """The ciphertexts of plain images, ``(N, C, H, W)`` uint8, or float32 after such a step."""
        rows = _rows(images, self.plain_shape)
        for step in self.steps:
            rows = step.apply(rows)
        return _images(rows, self.cipher_shape, images)

    def invert(self, ciphertexts: Tensor) -> Tensor:
        """The plain images ``(N, C, H, W)`` uint8 of ciphertexts; exact, but for linear steps."""
        rows = _rows(ciphertexts, self.cipher_shape)
        for step in reversed(self.steps):
            rows = step.invert(rows)
        return _images(rows, self.plain_shape, ciphertexts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The map as arrays by name: ``shapes``, and ``<number> <kind>/<field>`` of every step."""
        found: dict[str, NDArray[Any]] = {SHAPES: np.array([self.plain_shape, self.cipher_shape])}
        for number, step in enumerate(self.steps):
            for name, array in step.arrays().items():
                found[f"{number} {step.kind}/{name}"] = array
        return found

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> CipherMap:
        """Undo :meth:`arrays`.

        Raises:
            ImageError: if they are no map.
        """
        try:
            plain, cipher = (tuple(int(edge) for edge in row) for row in arrays[SHAPES])
            parts: dict[tuple[int, str], dict[str, NDArray[Any]]] = {}
            for name in arrays.keys() - {SHAPES}:
                place, _, field = name.partition("/")
                number, _, kind = place.partition(" ")
                parts.setdefault((int(number), kind), {})[field] = arrays[name]
            steps = tuple(_step(kind, parts[number, kind]) for number, kind in sorted(parts))
            return cls(_three(plain), _three(cipher), steps)
        except (LookupError, TypeError, ValueError) as error:
            raise ImageError(f"these arrays are no map of a cipher ({error}).") from None


def _step(kind: str, given: Mapping[str, NDArray[Any]]) -> Step:
    cls = STEPS[kind]
    values = {
        name: cls.words[name][int(array)] if name in cls.words else array
        for name, array in given.items()
    }
    return cls(**values)


def _rows(images: Tensor, shape: ImageShape) -> Rows:
    if tuple(images.shape[1:]) != tuple(shape):
        raise ImageError(f"the map is for images of shape {shape}, not {tuple(images.shape[1:])}.")
    rows: Rows = images.cpu().contiguous().numpy().reshape(len(images), -1)
    return rows


def _images(rows: Rows, shape: ImageShape, like: Tensor) -> Tensor:
    import torch

    made = torch.from_numpy(np.ascontiguousarray(rows).reshape(-1, *shape)).to(like.device)
    return made.clone() if made.data_ptr() == like.data_ptr() else made


def _three(edges: tuple[int, ...]) -> ImageShape:
    channels, height, width = edges
    return channels, height, width
