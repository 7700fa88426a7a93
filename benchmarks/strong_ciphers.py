"""How often something is claimed of ciphers of which nothing can be: new keys, new images.

``python benchmarks/strong_ciphers.py [--first 0] [--tries 1000] [--size 16] [--data photos]``:
every try gives a keystream of a fresh nonce (as AES-CTR has), a one-time pad, or a keystream from
the plain image, to ``known-plaintext`` (8 and 32 pairs), ``chosen-plaintext`` (6 and 16 images) and
``ciphertext-only`` (32 and 100 ciphertexts). A claim is a recovery that its own proof does not
refute. The number of a try chooses cipher, key and images, so ``--first 300 --tries 700`` goes on
after ``--tries 300``, and counts add up. ``--only`` names an attack as its line begins.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppattack import Target, TargetCard
from ppattack.attack import Attack, Context
from ppattack.attacks.chosen_plaintext import ChosenPlaintext
from ppattack.attacks.ciphertext_only import CiphertextOnly
from ppattack.attacks.known_plaintext import KnownPlaintext
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.target import Draw, ImageShape, Key, Parts

PUBLIC = 500


class FreshNonce(Target):
    """A keystream from the key and a nonce of every image."""

    card = TargetCard("fresh-nonce", deterministic=False)

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """128 bits."""
        return {"key": draw("key").integers(0, 256, 16, dtype=np.uint8)}

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Exclusive-or with the keystream of each image."""
        rng = np.random.default_rng() if generator is None else generator
        secret = key.parts["key"].tobytes()
        pads = [self.pad(secret, image, rng) for image in images.numpy()]
        return images ^ torch.from_numpy(np.stack(pads))

    def pad(self, secret: bytes, image: Any, rng: np.random.Generator) -> Any:
        """The keystream of one image."""
        return _stream(secret + rng.bytes(16), image.shape)


class PadOnce(FreshNonce):
    """A one-time pad."""

    card = TargetCard("pad-once", deterministic=False)

    def key_space_bits(self, image_shape: ImageShape) -> float:
        """No key that could be kept."""
        return 0.0

    def pad(self, secret: bytes, image: Any, rng: np.random.Generator) -> Any:
        """Random bytes."""
        return rng.integers(0, 256, image.shape, dtype=np.uint8)


class PlaintextKeystream(FreshNonce):
    """A keystream from the key and a digest of the image."""

    card = TargetCard("plaintext-keystream")

    def pad(self, secret: bytes, image: Any, rng: np.random.Generator) -> Any:
        """The same for the same image."""
        return _stream(secret + hashlib.sha256(image.tobytes()).digest(), image.shape)


def _stream(seed: bytes, shape: tuple[int, ...]) -> Any:
    return np.frombuffer(hashlib.shake_256(seed).digest(int(np.prod(shape))), np.uint8).reshape(
        shape
    )


CIPHERS = (FreshNonce(), PadOnce(), PlaintextKeystream())
ATTACKS: tuple[tuple[str, Attack, int, int], ...] = (
    ("8 known pairs", KnownPlaintext(pairs=8), 16, 1),
    ("6 chosen images", ChosenPlaintext(images=6), 16, 1),
    ("32 ciphertexts", CiphertextOnly(), 32, 1),
    ("100 ciphertexts", CiphertextOnly(), 100, 1),
    ("32 known pairs", KnownPlaintext(pairs=32), 16, 5),
    ("16 chosen images", ChosenPlaintext(images=16), 16, 5),
)
"""Name, attack, victims, and how many times fewer tries there are."""


def main() -> int:
    """Print a line for each attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--only", default="", help="attacks whose line begins like this")
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--data", default="photos")
    given = parser.parse_args()
    source = registry.dataset(given.data)
    pool = source.load(ImageRequest(5000, PUBLIC, given.size, 0))
    print(f"{len(CIPHERS)} ciphers in turn, images of {given.size} pixels")
    for name, attack, victims, fewer in [
        each for each in ATTACKS if each[0].startswith(given.only)
    ]:
        claims, most, began = 0, -1.0, time.process_time()
        first, tries = given.first // fewer, given.tries // fewer
        for number in range(first, first + tries):
            target, rng = CIPHERS[number % len(CIPHERS)], np.random.default_rng(number)
            count = victims + attack.requires().pairs
            chosen = rng.choice(len(pool.victims), count, replace=False)
            sets = ImageSets(pool.name, pool.victims[chosen], pool.adversary)
            scenario = simulate(attack, target, sets, "dataset", number)
            found = attack(scenario.observation, Context(torch.device("cpu"), number))
            assert found.images is not None
            assert scenario.truth.images is not None
            claims += not found.refuted
            most = max(most, float(ssim(found.images, scenario.truth.images).mean()))
        seconds = time.process_time() - began
        print(
            f"{name}: {claims} claims in {tries} tries from number {first} on, "
            f"largest mean SSIM {most:.3f}, {seconds:.0f} s of processor",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
