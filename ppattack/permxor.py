"""``PermXor``: a permutation of an image's symbols followed by an exclusive-or mask.

``y[i] = x[index[i]] ^ mask[i]`` over bytes or nibbles. Every fixed-key pixel scheme in the
literature is one; key-recovery attacks recover one. Symbols are numbered in the memory order of
``(C, H, W)``. Nibble symbols number all low nibbles (0..D-1) before all high ones (D..2D-1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from ppattack.errors import ImageError, NotInvertible

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

Unit = Literal["byte", "nibble"]
CPU_CHUNK_BYTES = 1 << 20
"""Image bytes moved at a time on a CPU: fastest near the size of the second-level cache."""
DEVICE_CHUNK_BYTES = 1 << 26
"""The same on other devices, where it only limits the memory."""


@dataclass(frozen=True, eq=False)
class PermXor:
    """One transformation (or one per image) of flattened images.

    Args:
        index: ``(S,)`` or ``(N, S)`` integers, the source symbol of each output symbol.
        mask: same shape, uint8, 0..255 for bytes and 0..15 for nibbles.
        unit: ``"byte"`` (S = C·H·W) or ``"nibble"`` (S = 2·C·H·W).

    Raises:
        ImageError: if the two tables differ in shape.
    """

    index: NDArray[np.integer]
    mask: NDArray[np.uint8]
    unit: Unit = "byte"
    _tables: dict[torch.device, tuple[Tensor | None, Tensor]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.index.shape != self.mask.shape or self.index.ndim not in (1, 2):
            raise ImageError(
                f"a PermXor needs index and mask of one shape, (S,) or (N, S); "
                f"got {self.index.shape} and {self.mask.shape}."
            )

    @property
    def symbols(self) -> int:
        """Symbols in one image."""
        return int(self.index.shape[-1])

    @property
    def count(self) -> int | None:
        """How many images the tables are for, or None if one table serves every image."""
        return int(self.index.shape[0]) if self.index.ndim == 2 else None

    @property
    def is_bijective(self) -> bool:
        """Whether every source symbol is used exactly once, so that an inverse exists."""
        return bool((self._sources >= 0).all())

    def inverse(self) -> PermXor:
        """The transformation that undoes this one.

        Raises:
            NotInvertible: if a source symbol is lost.
        """
        if not self.is_bijective:
            raise NotInvertible(
                "the index table uses some source symbols twice and loses others, "
                "so there is no exact decryption; use the scheme's 'paper' variant."
            )
        return self._inverse

    @cached_property
    def _sources(self) -> NDArray[np.integer]:
        """Where each source symbol goes, or -1 if it is lost."""
        index = _one_row_if_equal(self.index)
        found = np.full(index.shape, -1, np.int32)
        np.put_along_axis(found, index, np.arange(self.symbols, dtype=np.int32)[None], axis=1)
        return np.broadcast_to(found if self.index.ndim == 2 else found[0], self.index.shape)

    @cached_property
    def _inverse(self) -> PermXor:
        mask = np.take_along_axis(self.mask, self._sources, axis=-1)
        return PermXor(self._sources, mask, self.unit)

    def after(self, first: PermXor) -> PermXor:
        """The composition ``x -> self(first(x))``; both have one unit and size.

        Raises:
            ImageError: if unit, size or number of images differs.
        """
        counts = {self.count, first.count} - {None}
        if (self.unit, self.symbols) != (first.unit, first.symbols) or len(counts) > 1:
            raise ImageError(
                "only PermXor tables of one unit, size and number of images can be composed; "
                "write byte tables over nibbles with as_nibbles()."
            )
        ours, theirs = np.broadcast_arrays(self.index, first.index)
        mask = np.take_along_axis(np.broadcast_to(first.mask, ours.shape), ours, -1) ^ self.mask
        return PermXor(np.take_along_axis(theirs, ours, axis=-1), mask, self.unit)

    def as_nibbles(self) -> PermXor:
        """The same transformation written over nibbles."""
        if self.unit == "nibble":
            return self
        index = np.concatenate([self.index, self.index + self.symbols], axis=-1)
        return PermXor(index, np.concatenate([self.mask & 15, self.mask >> 4], axis=-1), "nibble")

    def __call__(self, images: Tensor) -> Tensor:
        """Transform ``(N, ...)`` uint8 images of matching size; the input is not changed.

        Beyond the output, the memory does not grow with the number of images.
        """
        import torch

        count = len(images)
        size = self.symbols // (2 if self.unit == "nibble" else 1)
        found = images.shape[1:].numel()
        if found != size or (self.count is not None and self.count != count):
            raise ImageError(
                f"the key is for {self.count or 'any number of'} images of {size} bytes; "
                f"got {count} of {found}."
            )
        index, mask = self._on(images.device)
        out = empty_like(images)
        if index is None:
            return torch.bitwise_xor(images, mask.view(-1, *images.shape[1:]), out=out)
        rows = out.view(count, size)
        move = _move_nibbles if self.unit == "nibble" else _move_bytes
        chunk = DEVICE_CHUNK_BYTES if images.is_cuda else CPU_CHUNK_BYTES
        step = max(2, chunk // size)
        for start in range(0, count, step):
            part = slice(start, start + step)
            flat = images[part].reshape(-1, size)
            move(flat, _of(index, part), _of(mask, part), rows[part])
        return out

    def _on(self, device: torch.device) -> tuple[Tensor | None, Tensor]:
        """Index (None for the identity) and byte-wide mask on a device."""
        import torch

        if device not in self._tables:
            index, mask = _one_row_if_equal(self.index), np.atleast_2d(self.mask)
            still = bool((index == np.arange(self.symbols)).all())
            if self.unit == "nibble":
                low, high = np.split(mask, 2, axis=1)
                # Nibbles are moved in pairs, one image in each half of a byte.
                mask = low | high << np.uint8(4) if still else mask * np.uint8(17)
            self._tables[device] = (
                None if still else torch.from_numpy(index.astype(np.int64)).to(device),
                torch.from_numpy(np.array(mask, order="C")).to(device),
            )
        return self._tables[device]


def _one_row_if_equal(index: NDArray[np.integer]) -> NDArray[np.integer]:
    """``(1, S)`` if one row serves every image (a broadcast view), else ``(N, S)``."""
    index = np.atleast_2d(index)
    return index[:1] if index.strides[0] == 0 else index


def _of(table: Tensor, part: slice) -> Tensor:
    return table if len(table) == 1 else table[part]


def _move_bytes(x: Tensor, index: Tensor, mask: Tensor, out: Tensor) -> None:
    import torch

    torch.gather(x, 1, index.expand(len(x), -1), out=out)
    out.bitwise_xor_(mask)


def _move_nibbles(x: Tensor, index: Tensor, mask: Tensor, out: Tensor) -> None:
    """Gather the nibbles of two images at once: one in the low halves of bytes, one in the high.

    Under one table the chunk's first half is paired with its last (an odd one overlaps); with one
    table per image, each image is paired with itself.
    """
    import torch

    count, size = x.shape
    half = (count + 1) // 2 if len(index) == 1 else count
    first, last = slice(0, half), slice(count - half, count)
    pairs = x.new_empty((half, 2 * size))
    _exchange_halves(x[first], x[last], pairs[:, :size], pairs[:, size:])
    moved = torch.gather(pairs, 1, index.expand(half, -1)).bitwise_xor_(mask)
    _exchange_halves(moved[:, :size], moved[:, size:], out[first], out[last])


def _exchange_halves(a: Tensor, b: Tensor, low: Tensor, high: Tensor) -> None:
    """Write both low nibbles to ``low`` and both high ones to ``high``; its own inverse."""
    import torch

    torch.bitwise_or(a & 15, b << 4, out=low)
    torch.bitwise_or(a >> 4, b & 240, out=high)


def empty_like(images: Tensor) -> Tensor:
    """An uninitialised contiguous tensor of the images' shape, type uint8 and device.

    On a CPU it is NumPy's memory: huge pages that are reused from call to call, while torch's own
    allocation can cost as much as several copies in page faults each time.
    """
    import torch

    if images.device.type == "cpu":
        return torch.from_numpy(np.empty(images.shape, np.uint8))
    return torch.empty_like(images, memory_format=torch.contiguous_format)


def identity(symbols: int, unit: Unit = "byte") -> PermXor:
    """The transformation that changes nothing."""
    return PermXor(np.arange(symbols), np.zeros(symbols, np.uint8), unit)


def permutation_bits(symbols: int) -> float:
    """log2 of the number of permutations of ``count`` symbols."""
    return math.lgamma(symbols + 1) / math.log(2)
