"""What a solver is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.maps import CipherMap, Rows, Step
from ppattack.solvers.covariance.free_keys import symmetries

Places = NDArray[np.intp]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """Ciphertexts under one key, and public images.

    Args:
        rows: ``(N, S)`` uint8, the ciphertexts' bytes in memory order.
        public: ``(M, C, H, W)`` uint8 images of the same distribution, in the form that the
            scheme transforms.
        cipher_shape: ``(C, H, W)`` of a ciphertext, of as many bytes as a public image.
        rng: draws.
    """

    rows: Rows
    public: Tensor
    cipher_shape: ImageShape
    rng: np.random.Generator

    @property
    def shape(self) -> ImageShape:
        """``(C, H, W)`` of a plain image."""
        channels, height, width = (int(size) for size in self.public.shape[1:])
        return channels, height, width

    @property
    def symbols(self) -> int:
        """Bytes of an image."""
        return int(self.rows.shape[1])

    def public_rows(self) -> Rows:
        """The public images' bytes, ``(M, S)``."""
        found: Rows = self.public.cpu().contiguous().numpy().reshape(len(self.public), -1)
        return found

    def turns(self) -> list[Places]:
        """What turning and mirroring an image does to its symbols."""
        return symmetries(np.arange(self.symbols, dtype=np.int32)[None], self.shape)

    def map(self, *steps: Step) -> CipherMap:
        """A map of these steps, in the order of encryption."""
        return CipherMap(self.shape, self.cipher_shape, steps)


@dataclass(frozen=True)
class Found:
    """A map that fits the ciphertexts it was learned from, or the best of those that do not.

    Args:
        map: decrypts.
        model: in words.
        notes: JSON-ready facts.
    """

    map: CipherMap
    model: str
    notes: Mapping[str, Any] = field(default_factory=dict)
