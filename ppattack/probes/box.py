"""A cipher under one unknown key, as whoever chooses plaintexts sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ppattack.card import KeyScope
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream
from ppattack.target.base import Target, generate_scoped_key
from ppattack.target.calls import encrypt

if TYPE_CHECKING:
    from ppattack.target.key import Key

Rows = NDArray[np.uint8]
"""``(N, S)``: images, or their ciphertexts, in the memory order of ``(C, H, W)``."""


class Box:
    """Encrypts rows of bytes. Every call draws fresh randomness, if the scheme draws any.

    Args:
        target: the scheme; its ciphertexts must be images.
        shape: ``(C, H, W)`` of the plain images.
        scope: one key for all images, or one each.
        seed: of the key and of all randomness.
    """

    def __init__(self, target: Target, shape: ImageShape, scope: KeyScope, seed: int) -> None:
        self._target, self._seed = target, seed
        self.shape, self.scope = shape, scope
        channels, height, width = target.ciphertext_shape(shape)
        self.cipher_shape: ImageShape = channels, height, width
        self.asked = 0
        """Images encrypted so far."""
        self._calls = 0
        self._key: Key | None = None

    def __call__(self, plain: Rows) -> Rows:
        """The ciphertexts of some images."""
        import torch

        images = torch.from_numpy(np.ascontiguousarray(plain).reshape(-1, *self.shape))
        self._calls += 1
        randomness = numpy_stream(self._seed, "probe encryption", self._calls)
        made = encrypt(self._target, images, self._key_for(len(images)), randomness)
        self.asked += len(images)
        return made.numpy().reshape(len(made), -1)

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of one property, whatever others draw."""
        return numpy_stream(self._seed, "probe", name)

    def _key_for(self, count: int) -> Key:
        if self.scope == "dataset" and self._key is not None:
            return self._key
        name = f"probe key {self._calls if self.scope == 'image' else ''}"
        self._key = generate_scoped_key(
            self._target, self.shape, self.scope, self._seed, name, count
        )
        return self._key
