"""Substitution and permutation: a secret table of bytes, then bytes change places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ppattack import Doc, Draw, ImageShape, Key, Parts, Reference, Target, TargetCard


class Substitution(Target):
    """Every byte is looked up in a secret table, then moved."""

    card = TargetCard(
        name="substitution",
        title="Secret S-box and permutation (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        own_tables: Annotated[bool, Doc("a table for every byte of the image, not one")] = False

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """One table or many, and an order."""
        size = math.prod(image_shape)
        count = size if self.config.own_tables else 1
        tables = draw("tables").random((count, 256), dtype=np.float32).argsort(axis=1)
        return {"tables": tables.astype(np.uint8), "order": draw("order").permutation(size)}

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Substitute, then move."""
        tables, order = key.parts["tables"], key.parts["order"]
        rows = images.numpy().reshape(len(images), -1)
        made = tables[np.arange(len(order)) % len(tables), rows][:, order]
        return torch.from_numpy(made.reshape(images.shape))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Move back, then substitute."""
        inverse = key.parts["tables"].argsort(axis=1).astype(np.uint8)
        order = key.parts["order"]
        rows = ciphertexts.numpy().reshape(len(ciphertexts), -1)[:, order.argsort()]
        made = inverse[np.arange(len(order)) % len(inverse), rows]
        return torch.from_numpy(made.reshape(ciphertexts.shape))

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """The logarithm of the number of tables and orders."""
        size = math.prod(image_shape)
        count = size if self.config.own_tables else 1
        return (count * math.lgamma(257) + math.lgamma(size + 1)) / math.log(2)
