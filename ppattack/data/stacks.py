"""Stacks of images that are read part by part, so that there may be more than fit into memory.

A stack says where images are or how they are made, and is small enough to be sent to a worker.
What grows with the number of images is computed for each shard and added up.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ppattack.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Pixels: TypeAlias = NDArray[np.uint8]
Shape: TypeAlias = tuple[int, int, int, int]
SHARD_BYTES = 1 << 24
"""Image bytes of a shard: what is held at a time."""


class Stack(ABC):
    """``(N, C, H, W)`` uint8 images on the CPU, of which a slice is a tensor."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """``(N, C, H, W)``."""

    @abstractmethod
    def part(self, start: int, stop: int) -> Stack:
        """Images from ``start`` to before ``stop``, not read yet."""

    @abstractmethod
    def read(self) -> Pixels:
        """``(N, C, H, W)`` of all of them; the caller may not write to it.

        Raises:
            DataError: if they cannot be read.
        """

    @property
    def device(self) -> torch.device:
        """Where images are once they are read."""
        import torch

        return torch.device("cpu")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        import torch

        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise IndexError("a stack is read in its order, without leaving images out.")
        return torch.from_numpy(np.array(self.part(start, max(start, stop)).read()))

    def split(self, size: int) -> list[Stack]:
        """Parts of so many images; the last may have fewer."""
        return [
            self.part(start, min(start + size, len(self))) for start in range(0, len(self), size)
        ]

    def shards(self) -> list[Stack]:
        """Parts that are small enough to be held; where they are cut depends on nothing else."""
        return self.split(self.shard_size)

    @property
    def shard_size(self) -> int:
        """Images of a shard."""
        return shard_size(self.shape)


Images: TypeAlias = Union["Tensor", Stack]
"""Images in memory, or a stack of them."""


@dataclass(frozen=True, eq=False)
class Held(Stack):
    """Images in memory: ``(N, C, H, W)`` uint8."""

    images: Pixels

    @property
    @override
    def shape(self) -> Shape:
        count, channels, height, width = self.images.shape
        return count, channels, height, width

    @override
    def part(self, start: int, stop: int) -> Held:
        return Held(self.images[start:stop])

    @override
    def read(self) -> Pixels:
        return self.images


@dataclass(frozen=True)
class Mapped(Stack):
    """Images of an array in a file, which the system reads page by page.

    Args:
        path: the file.
        offset: bytes before the array.
        stored: the array's shape: ``(N, C, H, W)``, or ``(N, H, W, C)``.
        channels_last: whether it is the second.
        start: first image.
        stop: image after the last.
    """

    path: Path
    offset: int
    stored: Shape
    channels_last: bool
    start: int
    stop: int

    @property
    @override
    def shape(self) -> Shape:
        first, second, third = self.stored[1:]
        count = self.stop - self.start
        if self.channels_last:
            return count, third, first, second
        return count, first, second, third

    @override
    def part(self, start: int, stop: int) -> Mapped:
        return replace(self, start=self.start + start, stop=self.start + stop)

    @override
    def read(self) -> Pixels:
        return self._mapped("r")

    def tensor(self) -> Tensor:
        """``(N, C, H, W)`` uint8 that stays in the file; what is written to it does not."""
        import torch

        return torch.from_numpy(self._mapped("c"))

    def _mapped(self, mode: Literal["r", "c"]) -> Pixels:
        try:
            mapped = np.memmap(self.path, np.uint8, mode, self.offset, self.stored)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path} cannot be read any more ({error}).") from None
        images = mapped[self.start : self.stop]
        return images.transpose(0, 3, 1, 2) if self.channels_last else images


@dataclass(frozen=True)
class Made(Stack):
    """Images that are made when they are read.

    Args:
        make: gives images ``(stop - start, C, H, W)`` uint8 for ``(start, stop)``, the same each
            time; a function at the top of a module, or a ``functools.partial`` of one.
        image_shape: ``(C, H, W)``.
        stop: image after the last.
        start: first image.
    """

    make: Callable[[int, int], Pixels]
    image_shape: tuple[int, int, int]
    stop: int
    start: int = 0

    @property
    @override
    def shape(self) -> Shape:
        return (self.stop - self.start, *self.image_shape)

    @override
    def part(self, start: int, stop: int) -> Made:
        return replace(self, start=self.start + start, stop=self.start + stop)

    @override
    def read(self) -> Pixels:
        return self.make(self.start, self.stop)


def as_stack(images: Images) -> Stack:
    """A stack of the images."""
    return images if isinstance(images, Stack) else Held(images.cpu().numpy())


def chunks(images: Tensor) -> tuple[Tensor, ...]:
    """Images in memory, cut where their stack would be."""
    parts: tuple[Tensor, ...] = images.split(shard_size(images.shape))
    return parts


def shard_size(shape: Sequence[int]) -> int:
    """Images of a shard, for images of ``(N, C, H, W)``."""
    return max(1, SHARD_BYTES // max(1, math.prod(shape[1:])))


def tensors(stack: Stack, device: torch.device | str) -> Iterator[Tensor]:
    """One shard after another, ``(n, C, H, W)`` uint8."""
    import torch

    for shard in stack.shards():
        yield torch.from_numpy(np.array(shard.read())).to(device)
