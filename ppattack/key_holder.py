"""Who holds the victims' key: draws it, and encrypts under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppattack.seeding import numpy_stream
from ppattack.threat import KeyScope

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.jpeg import Jpeg
    from ppattack.target.base import Target
    from ppattack.target.key import ImageShape, Key


@dataclass(frozen=True)
class KeyHolder:
    """Who encrypts the victims' images, and what the adversary knows or chooses.

    Args:
        target: the scheme.
        shape: of plain images.
        key: the victims'.
        scope: one key for all images, or one each.
        seed: the run's.
        jpeg: what every ciphertext goes through on its way, or None.
    """

    target: Target
    shape: ImageShape
    key: Key
    scope: KeyScope
    seed: int
    jpeg: Jpeg | None

    def encrypted(self, images: Tensor, key: Key, name: str) -> Tensor:
        """Ciphertexts as they are received; ``name`` is that of the stream."""
        made = self.target.encrypt(images, key, generator=numpy_stream(self.seed, name))
        if self.target.card.cipher == "tokens":  # new numbers, and perhaps too many to copy
            return made
        return made.clone() if self.jpeg is None else self.jpeg.transport(made)

    def answered(self, images: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Images and their ciphertexts, under the one key or under a fresh one each."""
        key = self.key
        if self.scope == "image":
            key = draw_key(self.target, self.shape, self.scope, self.seed, name, len(images))
        return images, self.encrypted(images, key, name)


def draw_key(
    target: Target, shape: ImageShape, scope: KeyScope, seed: int, name: str, count: int
) -> Key:
    """The key of a named stream: one for all images, or one for each of ``count``."""
    if scope == "dataset":
        return target.generate_key(numpy_stream(seed, name), shape)
    return target.generate_keys((numpy_stream(seed, name, i) for i in range(count)), shape)
