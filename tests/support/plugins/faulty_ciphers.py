"""Ciphers that break their contract, each in one way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppattack.target import Draw, ImageShape, Key, Parts, Target
from tests.support.plugins.ciphers import Bytes, Masked


class InPlace(Masked):
    """Writes into the images."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        images ^= torch.from_numpy(key.parts["mask"])
        return images


class ReturnsArray(Masked):
    """Returns NumPy."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Any:
        """Encrypt."""
        return super().encrypt(images, key).numpy()


class ReturnsFloats(Masked):
    """Returns values in [0, 255]."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        return super().encrypt(images, key).float()


class ReturnsOne(Masked):
    """Returns one ciphertext only."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        return super().encrypt(images, key)[:1]


class DoesNotDecrypt(Masked):
    """Returns the ciphertexts."""

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Nothing."""
        return cipher.copy()


class CannotDecrypt(Masked):
    """Was never finished."""

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Fail."""
        raise NotImplementedError("later")


class PlainInts(Masked):
    """A key that is a number."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Any:
        """A Python number."""
        return {"shift": int(draw("shift").integers(1, 256))}

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Shift."""
        return plain ^ np.uint8(key.parts["shift"])

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Shift."""
        return self.forth(cipher, key)


class IgnoresKey(Masked):
    """Complements, whatever the key is."""

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Complement."""
        return ~plain

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Complement."""
        return ~cipher


class OneKey(Masked):
    """The same key for every generator."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """A constant."""
        return {"mask": np.full(image_shape, 7, np.uint8)}


class OwnRandomness(Masked):
    """Draws from the system."""

    card = replace(Masked.card, invertible=False)

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Noise in the lowest bits."""
        noise = np.random.default_rng().integers(0, 4, plain.shape, dtype=np.uint8)
        return super().forth(plain ^ noise, key)


class DeclaredRandomness(OwnRandomness):
    """The same, and says so: nothing is wrong."""

    card = replace(OwnRandomness.card, deterministic=False)


class ReusesBuffer(Masked):
    """Returns the same memory each time."""

    buffer = np.empty((0, 0), np.uint8)

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Write over what was returned before."""
        if self.buffer.shape != plain.shape:
            self.buffer = np.empty_like(plain)
        self.buffer[:] = super().forth(plain, key)
        return self.buffer


class ChangesKey(Masked):
    """Writes into the key, back and forth."""

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Count the images."""
        made = super().forth(plain, key)
        if key.parts["count"][0] == 0:
            key.parts["count"][0] += 1
        return made

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """A mask and a counter."""
        return {**super().key_parts(draw, image_shape), "count": np.zeros(1, np.int64)}


class NoConfig(Target):
    """Its settings are no dataclass."""

    card = Masked.card
    Config = dict


class Unfinished(Masked):
    """Fails in its own code."""

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Fail."""
        return plain + key.parts["secret"]


class InPlaceOnlyLater(Masked):
    """Writes into the images if there are more than four."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        made = super().encrypt(images, key)
        if len(images) > 4:
            images[:] = made
        return made


class Leaves(Masked):
    """Ends the program."""

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Leave."""
        raise SystemExit(0)
