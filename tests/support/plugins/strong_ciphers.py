"""Ciphers that no model of known or chosen pairs fits, under one key for all images."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppattack.errors import NotInvertible
from ppattack.target import Draw, ImageShape, Key, Parts
from tests.support.plugins.ciphers import Masked


class FreshNonce(Masked):
    """A keystream from the key and a nonce of every image, as AES-CTR makes one."""

    card = replace(Masked.card, name="fresh-nonce", invertible=False, deterministic=False)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """128 bits."""
        return {"key": draw("key").integers(0, 256, 16, dtype=np.uint8)}

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Exclusive-or with the keystream of a new nonce."""
        rng = np.random.default_rng() if generator is None else generator
        pads = [self._pad(key, image, rng) for image in images.numpy()]
        return images ^ torch.from_numpy(np.stack(pads))

    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Not from the image alone."""
        raise NotInvertible("the nonce or digest travels outside the image.")

    def _pad(self, key: Key, image: Any, rng: np.random.Generator) -> Any:
        return stream(key.parts["key"].tobytes() + rng.bytes(16), image.shape)


class PadOnce(FreshNonce):
    """A one-time pad: no key counts."""

    card = replace(FreshNonce.card, name="pad-once")

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """None."""
        return {}

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """None that could be kept."""
        return 0.0

    def _pad(self, key: Key, image: Any, rng: np.random.Generator) -> Any:
        return rng.integers(0, 256, image.shape, dtype=np.uint8)


class PlaintextKeystream(FreshNonce):
    """A keystream from the key and a digest of the plain image."""

    card = replace(FreshNonce.card, name="plaintext-keystream", deterministic=True)

    def _pad(self, key: Key, image: Any, rng: np.random.Generator) -> Any:
        digest = hashlib.sha256(image.tobytes()).digest()
        return stream(key.parts["key"].tobytes() + digest, image.shape)


def stream(seed: bytes, shape: tuple[int, ...]) -> Any:
    """Bytes that depend on every bit of a seed."""
    bits = hashlib.shake_256(seed).digest(int(np.prod(shape)))
    return np.frombuffer(bits, np.uint8).reshape(shape)


class ShortNonce(FreshNonce):
    """The same with a nonce of eight bits, so that keystreams come again."""

    card = replace(FreshNonce.card, name="short-nonce")

    def _pad(self, key: Key, image: Any, rng: np.random.Generator) -> Any:
        return stream(key.parts["key"].tobytes() + rng.bytes(1), image.shape)
