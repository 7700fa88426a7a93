"""Codes of many images, which may lie on a disk, a few images at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Protocol

import torch
from torch import Tensor

BATCH_BYTES = 64 << 20
"""Bytes of codes that are looked at together."""


class Source(Protocol):
    """Ciphertexts by number: a tensor, or files that are read when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all of them, ``(N, ...)``."""

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """Read some of them, float32 on any device."""


def _as_they_are(ciphertexts: Tensor) -> Tensor:
    return ciphertexts


@dataclass(frozen=True)
class Codes:
    """The codes of N images with P patches of D numbers each.

    Args:
        source: the ciphertexts.
        tokens: from ciphertexts ``(n, ...)`` to codes ``(n, P, D)``.
        device: where codes are looked at.
        orders: ``(N, P)`` int64 on the CPU, which patch of an image is at each place; None for the
            order of the source.
    """

    source: Source | Tensor
    tokens: Callable[[Tensor], Tensor] = _as_they_are
    device: torch.device | str = "cpu"
    orders: Tensor | None = None

    @classmethod
    def of(cls, vectors: Tensor | Codes) -> Codes:
        """Codes ``(N, P, D)`` in memory, where they are; what is codes already stays."""
        return vectors if isinstance(vectors, Codes) else cls(vectors, device=vectors.device)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """``(N, P, D)``."""
        positions, width = self._read(slice(0, 1)).shape[1:]
        return int(self.source.shape[0]), int(positions), int(width)

    @property
    def size_bytes(self) -> int:
        """What all codes take in memory."""
        return prod(self.shape) * torch.float32.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """Codes of some images, ``(n, P, D)``."""
        if isinstance(rows, Tensor):
            rows = rows.to(self.source.device if isinstance(self.source, Tensor) else "cpu")
        codes = self._read(rows)
        if self.orders is None:
            return codes
        order = self.orders[rows.cpu() if isinstance(rows, Tensor) else rows].to(codes.device)
        return codes.gather(1, order[..., None].expand_as(codes))

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """All codes, a few images at a time, and which images these are."""
        count, positions, width = self.shape
        step = max(1, BATCH_BYTES // (positions * width * torch.float32.itemsize))
        for start in range(0, count, step):
            rows = slice(start, min(start + step, count))
            yield rows, self[rows]

    def mean(self) -> Tensor:
        """The mean code of every place, ``(P, D)``."""
        total = torch.zeros(self.shape[1:], device=self.device)
        for _, codes in self.batches():
            total += codes.sum(dim=0)
        return total / len(self)

    def whole(self) -> Tensor:
        """All codes in memory, ``(N, P, D)``."""
        return torch.cat([codes for _, codes in self.batches()])

    def with_orders(self, orders: Tensor) -> Codes:
        """The same codes with every image's patches in an order, ``(N, P)``, of the source's."""
        return replace(self, orders=orders.cpu())

    def rearranged(self, orders: Tensor) -> Codes:
        """The same codes with the place ``orders[n, p]`` of image n at place p."""
        orders = orders.cpu()
        return self.with_orders(orders if self.orders is None else self.orders.gather(1, orders))

    def with_places(self, order: Tensor) -> Codes:
        """The same codes with the place ``order[p]`` of all images at place p."""
        return self.rearranged(order.cpu().expand(self.shape[:2]))

    def _read(self, rows: slice | Tensor) -> Tensor:
        return self.tokens(self.source[rows].to(self.device))
