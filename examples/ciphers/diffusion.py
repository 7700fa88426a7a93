"""Confusion and diffusion: bytes change places, then each is chained to the one before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack import Doc, Draw, ImageShape, Interval, Key, Parts, Reference, Target, TargetCard


class Diffusion(Target):
    """Rounds of a secret permutation and ``c_i = p_i ^ c_(i-1) ^ k_i``."""

    card = TargetCard(
        name="diffusion",
        title="Permutation and chained XOR (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        add: Annotated[bool, Doc("add modulo 256 in place of exclusive-or")] = False
        backward: Annotated[bool, Doc("chain from the last byte to the first")] = False
        scan: Annotated[
            Literal["chw", "hwc", "cwh", "wch", "hcw", "whc"],
            Doc("the order of the bytes: channels, height, width; the last runs fastest"),
        ] = "chw"
        rounds: Annotated[int, Interval(ge=1, le=8), Doc("rounds")] = 1

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """For every round an order and a keystream."""
        shape = self.config.rounds, math.prod(image_shape)
        return {
            "orders": draw("order").random(shape).argsort(axis=1),
            "keystreams": draw("keystream").integers(0, 256, shape, dtype=np.uint8),
        }

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Permute, mask and chain, round by round."""
        scan = self._scan(key.image_shape)
        combine = np.add if self.config.add else np.bitwise_xor
        rows = images.numpy().reshape(len(images), -1).copy()
        for order, keystream in zip(key.parts["orders"], key.parts["keystreams"], strict=True):
            masked = combine(rows[:, order], keystream)
            rows[:, scan] = combine.accumulate(masked[:, scan], axis=1, dtype=np.uint8)
        return torch.from_numpy(rows.reshape(images.shape))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """The same backwards."""
        scan = self._scan(key.image_shape)
        undo = np.subtract if self.config.add else np.bitwise_xor
        rows = ciphertexts.numpy().reshape(len(ciphertexts), -1).copy()
        orders, keystreams = key.parts["orders"], key.parts["keystreams"]
        for order, keystream in zip(orders[::-1], keystreams[::-1], strict=True):
            rows[:, scan[1:]] = undo(rows[:, scan[1:]], rows[:, scan[:-1]])
            rows = undo(rows, keystream)[:, order.argsort()]
        return torch.from_numpy(rows.reshape(ciphertexts.shape))

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """The logarithm of the number of orders and keystreams."""
        size = math.prod(image_shape)
        return float(self.config.rounds * (math.lgamma(size + 1) / math.log(2) + 8 * size))

    def _scan(self, shape: ImageShape) -> NDArray[np.intp]:
        """The numbers of the bytes in the order in which they are chained."""
        numbers = np.arange(math.prod(shape)).reshape(shape)
        scan = numbers.transpose(["chw".index(axis) for axis in self.config.scan]).reshape(-1)
        return scan[::-1] if self.config.backward else scan
