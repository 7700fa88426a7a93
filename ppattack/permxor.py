"""``PermXor``: a permutation of an image's symbols followed by an exclusive-or mask.

``y[i] = x[index[i]] ^ mask[i]`` over bytes or nibbles. Every fixed-key pixel scheme in the
literature is one; key-recovery attacks recover one. Symbols are numbered in the memory order of
``(C, H, W)``. Nibble symbols number all low nibbles (0..D-1) before all high ones (D..2D-1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError, NotInvertible

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Unit = Literal["byte", "nibble"]
CHUNK_BYTES = 1 << 19
"""Image bytes worked on at a time on a CPU: small enough to stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class PermXor:
    """One transformation (or one an image) of flattened images.

    Args:
        index: ``(S,)`` or ``(N, S)`` integers, the source symbol of each output symbol.
        mask: same shape, uint8, 0..255 for bytes and 0..15 for nibbles.
        unit: ``"byte"`` (S = C·H·W) or ``"nibble"`` (S = 2·C·H·W).
    """

    index: NDArray[np.integer]
    mask: NDArray[np.uint8]
    unit: Unit = "byte"
    _tables: dict[torch.device, tuple[Tensor, Tensor]] = field(
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
        """How many images the tables are for, or None when one table serves every image."""
        return int(self.index.shape[0]) if self.index.ndim == 2 else None

    @property
    def is_bijective(self) -> bool:
        """Whether every source symbol is used exactly once, so that an inverse exists."""
        ordered = np.sort(self.index, axis=-1)
        return bool((ordered == np.arange(self.symbols)).all())

    def inverse(self) -> PermXor:
        """The transformation that undoes this one.

        Raises:
            NotInvertible: where a source symbol is lost.
        """
        if not self.is_bijective:
            raise NotInvertible(
                "the index table uses some source symbols twice and loses others, "
                "so there is no exact decryption; use the scheme's 'paper' variant."
            )
        back = np.argsort(self.index, axis=-1)
        return PermXor(back, np.take_along_axis(self.mask, back, axis=-1), self.unit)

    def after(self, first: PermXor) -> PermXor:
        """The composition ``x -> self(first(x))``; both of one unit and size."""
        if (self.unit, self.symbols) != (first.unit, first.symbols):
            raise ImageError("only PermXor tables of one unit and size can be composed.")
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
        """Transform ``(N, ...)`` uint8 images of matching size; the input is left as it is."""
        import torch

        flat = images.reshape(len(images), -1)
        size = self.symbols // (2 if self.unit == "nibble" else 1)
        if flat.shape[1] != size or (self.count is not None and self.count != len(flat)):
            raise ImageError(
                f"the key is for {self.count or 'any number of'} images of {size} bytes; "
                f"got {len(flat)} of {flat.shape[1]}."
            )
        index, mask = self._on(flat.device)
        out = torch.empty_like(flat, memory_format=torch.contiguous_format)
        step = len(flat) if flat.is_cuda else max(1, CHUNK_BYTES // max(1, size))
        transform = _nibbles if self.unit == "nibble" else _bytes
        for start in range(0, len(flat), max(1, step)):
            part = slice(start, start + step)
            rows = part if self.count is not None else slice(None)
            transform(flat[part], index[rows], mask[rows], out[part])
        return out.view(images.shape)

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        import torch

        if device not in self._tables:
            index = np.atleast_2d(self.index).astype(np.int64, copy=False)
            self._tables[device] = (
                torch.from_numpy(index).to(device),
                torch.from_numpy(np.atleast_2d(self.mask)).to(device),
            )
        return self._tables[device]


def _bytes(x: Tensor, index: Tensor, mask: Tensor, out: Tensor) -> None:
    import torch

    torch.bitwise_xor(torch.gather(x, 1, index.expand(len(x), -1)), mask, out=out)


def _nibbles(x: Tensor, index: Tensor, mask: Tensor, out: Tensor) -> None:
    import torch

    half = x.shape[1]
    symbols = torch.cat([x & 15, x >> 4], dim=1)
    moved = torch.gather(symbols, 1, index.expand(len(x), -1)).bitwise_xor_(mask)
    torch.bitwise_or(moved[:, :half], moved[:, half:] << 4, out=out)


def identity(symbols: int, unit: Unit = "byte") -> PermXor:
    """The transformation that changes nothing."""
    return PermXor(np.arange(symbols), np.zeros(symbols, np.uint8), unit)
