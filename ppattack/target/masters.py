"""Schemes with large keys: one key per image is 32 random bytes, from which its parts follow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from typing_extensions import override

from ppattack.errors import KeyFileError
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream
from ppattack.target.base import Target
from ppattack.target.key import Key, Parts

MASTER = "master"
"""The key part from which an image's own parts are drawn, if every image has its own key."""
MASTER_BYTES = 32


class MasterKeyTarget(Target):
    """A scheme whose key parts would not fit into memory for one key per image."""

    takes_key_per_image = True

    @override
    def generate_keys(self, rngs: Iterable[np.random.Generator], image_shape: ImageShape) -> Key:
        """Generate one key per image: 32 random bytes, from which its parts follow.

        Deviations: the parts themselves, megabytes each, would not fit into memory.
        """
        self._check_shape(image_shape)
        masters = b"".join(rng.bytes(MASTER_BYTES) for rng in rngs)
        part = np.frombuffer(masters, np.uint8).reshape(-1, MASTER_BYTES)
        return Key(self.card.name, image_shape, {MASTER: part}, len(part))

    def parts_of(self, key: Key) -> Parts:
        """The parts of the one key for a data set, or of the key of a single image.

        Raises:
            KeyFileError: if it holds keys of several images, or none that was generated here.
        """
        if key.count is None:
            return key.parts
        master = key.parts.get(MASTER)
        if (
            key.count != 1
            or master is None
            or master.dtype != np.uint8
            or master.size != MASTER_BYTES
        ):
            raise KeyFileError(
                f"this is not the key of one image (it holds {key.count}): take key.rows of one, "
                "or make a new one with generate_keys."
            )
        seed = master.tobytes()
        return self.key_parts(
            lambda name: numpy_stream(seed, self.card.name, name), key.image_shape
        )
