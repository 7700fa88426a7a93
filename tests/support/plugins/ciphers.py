"""Ciphers as users write them, on NumPy arrays; every one can be loaded by this file's path."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.card import Reference
from ppattack.target import Draw, ImageShape, Key, Parts, Target, TargetCard

NOWHERE = Reference("nobody", "made for a test", "nowhere", 2026)
Bytes = NDArray[np.uint8]


class Masked(Target):
    """Every byte is combined with a secret byte of its place."""

    card = TargetCard("mine", "a cipher of a test", NOWHERE, key_scopes=("dataset",))

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """One byte for each place."""
        return {"mask": draw("mask").integers(0, 256, image_shape, dtype=np.uint8)}

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """Bits of the mask."""
        return 8.0 * float(np.prod(image_shape))

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Encrypt."""
        made = self.forth(images.numpy().reshape(len(images), -1), key)
        return torch.from_numpy(made.reshape(images.shape))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Decrypt."""
        made = self.back(ciphertexts.numpy().reshape(len(ciphertexts), -1), key)
        return torch.from_numpy(made.reshape(ciphertexts.shape))

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Rows of bytes, encrypted."""
        made: Bytes = plain ^ key.parts["mask"].reshape(-1)
        return made

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Rows of bytes, decrypted."""
        return Masked.forth(self, cipher, key)


class Complemented(Masked):
    """No key counts, and the card is inherited: another cipher of the same name."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """None."""
        return {}

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """None."""
        return 0.0

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Complement."""
        return ~plain

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Complement."""
        return ~cipher


class Scattered(Masked):
    """Bytes change places and are masked."""

    card = replace(Masked.card, name="scattered")

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """An order and a mask."""
        size = int(np.prod(image_shape))
        return {
            "order": draw("order").permutation(size),
            "mask": draw("mask").integers(0, 256, size, dtype=np.uint8),
        }

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Move, then mask."""
        made: Bytes = plain[:, key.parts["order"]] ^ key.parts["mask"]
        return made

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Unmask, then move back."""
        made = np.empty_like(cipher)
        made[:, key.parts["order"]] = cipher ^ key.parts["mask"]
        return made


class Chained(Scattered):
    """The same, and every byte is combined with the ciphertext's byte before it."""

    card = replace(Masked.card, name="chained")

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Diffuse."""
        made: Bytes = np.bitwise_xor.accumulate(super().forth(plain, key), axis=1)
        return made

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Take the difference to the byte before."""
        made = cipher.copy()
        made[:, 1:] ^= cipher[:, :-1]
        return super().back(made, key)


class Bits(Masked):
    """All bits of an image change places."""

    card = replace(Masked.card, name="bits")

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """An order of the bits."""
        return {"order": draw("order").permutation(8 * int(np.prod(image_shape)))}

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Move."""
        return np.packbits(np.unpackbits(plain, axis=1)[:, key.parts["order"]], axis=1)

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Move back."""
        bits = np.unpackbits(cipher, axis=1)
        return np.packbits(bits[:, key.parts["order"].argsort()], axis=1)


class Substituted(Scattered):
    """One secret table of bytes, then bytes change places."""

    card = replace(Masked.card, name="substituted")

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """A table and an order."""
        return {
            "table": draw("table").permutation(256).astype(np.uint8),
            "order": draw("order").permutation(int(np.prod(image_shape))),
        }

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Substitute, then move."""
        made: Bytes = key.parts["table"][plain[:, key.parts["order"]]]
        return made

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Move back, then substitute."""
        made = np.empty_like(cipher)
        made[:, key.parts["order"]] = key.parts["table"].argsort().astype(np.uint8)[cipher]
        return made


class Rotated(Masked):
    """One secret rotation of every 48 bytes, rounded to bytes: decryption is not exact."""

    card = replace(Masked.card, name="rotated", invertible=False)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """An orthogonal matrix."""
        return {"matrix": np.linalg.qr(draw("matrix").normal(size=(48, 48)))[0]}

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Rotate."""
        return self._turned(plain, key.parts["matrix"])

    def back(self, cipher: Bytes, key: Key) -> Bytes:
        """Rotate back."""
        return self._turned(cipher, key.parts["matrix"].T)

    def _turned(self, rows: Bytes, matrix: NDArray[np.float64]) -> Bytes:
        centred = rows.reshape(len(rows), -1, 48).astype(np.float64) - 127.5
        turned = (centred @ matrix / 2 + 127.5).round().clip(0, 255)
        return turned.astype(np.uint8).reshape(len(rows), -1)


class Hill(Masked):
    """Hill's cipher: every four bytes are multiplied by a secret matrix modulo 256, and masked."""

    card = replace(Masked.card, name="hill", invertible=False)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """Products of triangles of ones, which are odd and so can be inverted, and the mask."""
        parts = super().key_parts(draw, image_shape)
        low, high = draw("matrix").integers(0, 256, (2, 4, 4))
        matrix = (np.tril(low, -1) + np.eye(4)) @ (np.triu(high, 1) + np.eye(4))
        return {**parts, "matrix": (matrix % 256).astype(np.uint8)}

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Multiply, then add."""
        runs = plain.reshape(len(plain), -1, 4).astype(np.int64)
        made = (runs @ key.parts["matrix"].T % 256).astype(np.uint8)
        return made.reshape(plain.shape) + key.parts["mask"].reshape(-1)


class MovedHill(Hill):
    """The pixels change places, then each is multiplied by one secret matrix, and masked."""

    card = replace(Hill.card, name="moved-hill")

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """The order of the pixels too."""
        pixels = image_shape[1] * image_shape[2]
        return {
            **super().key_parts(draw, image_shape),
            "order": draw("order").permutation(pixels),
        }

    def forth(self, plain: Bytes, key: Key) -> Bytes:
        """Move, multiply, add."""
        channels = key.image_shape[0]
        pixels = plain.reshape(len(plain), channels, -1)[:, :, key.parts["order"]]
        matrix = key.parts["matrix"][:channels, :channels].astype(np.int64)
        turned = (np.einsum("ij,njp->nip", matrix, pixels) % 256).astype(np.uint8)
        made: Bytes = turned.reshape(plain.shape) + key.parts["mask"].reshape(-1)
        return made
