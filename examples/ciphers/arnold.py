"""Arnold's cat map with secret parameters: pixels change places, and few keys exist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import (
    Draw,
    ImageError,
    ImageShape,
    Key,
    Parts,
    Reference,
    Target,
    TargetCard,
)


class Arnold(Target):
    """The pixel ``(x, y)`` goes to ``(x + p y, q x + (p q + 1) y)``, several times."""

    card = TargetCard(
        name="arnold",
        title="Arnold's cat map (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """It has no settings."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``p``, ``q`` and the number of rounds."""
        if image_shape[1] != image_shape[2]:
            raise ImageError(f"Arnold's map needs square images, not {image_shape}.")
        return {"pqr": draw("pqr").integers([1, 1, 1], [17, 17, 5])}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Move the pixels."""
        return torch.from_numpy(
            images.numpy().reshape(*images.shape[:2], -1)[..., _order(key)]
        ).view(images.shape)

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Move them back."""
        rows = ciphertexts.numpy().reshape(*ciphertexts.shape[:2], -1)
        return torch.from_numpy(rows[..., _order(key).argsort()]).view(ciphertexts.shape)

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """16 values of p, 16 of q, 4 of the number of rounds."""
        return 10.0


def _order(key: Key) -> NDArray[np.intp]:
    """The number of the pixel that comes to each place."""
    edge, (p, q, rounds) = key.image_shape[1], key.parts["pqr"]
    y, x = np.divmod(np.arange(edge * edge), edge)
    for _ in range(rounds):
        x, y = (x + p * y) % edge, (q * x + (p * q + 1) * y) % edge
    order: NDArray[np.intp] = (y * edge + x).argsort()
    return order
