"""Home-made ciphers that look like something else: what the probes say of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.probes.advice import advice
from ppattack.probes.examination import Examination, examine
from ppattack.probes.kinds import weakness_of
from ppattack.target import Key, Target
from tests.support.plugins import ciphers
from tests.support.plugins.keyed_by_contents import KeyedBySum

SHAPE = (3, 16, 16)


class KeyedByMaximum(KeyedBySum):
    """A keystream from the key and the largest byte, which is 255 in most random images."""

    card = replace(KeyedBySum.card, name="keyed-by-maximum")

    def numbers(self, row: ciphers.Bytes, shape: tuple[int, int, int]) -> NDArray[np.integer]:
        """One of 256."""
        return np.array([int(row.max())])


class Counter(Target):
    """A keystream from the key and the number of an image in the call."""

    card = replace(ciphers.Masked.card, name="counter", deterministic=False)

    def key_parts(self, draw: Any, image_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Eight bytes."""
        return {"key": draw("key").integers(0, 256, 8, dtype=np.uint8)}

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Exclusive-or, image by image."""
        secret = key.parts["key"].astype(int)
        pads = [
            np.random.default_rng([*secret, number]).integers(0, 256, images.shape[1:], np.uint8)
            for number in range(len(images))
        ]
        return images ^ torch.from_numpy(np.stack(pads))


class ChainedImages(Counter):
    """Every image is also combined with the ciphertext before it."""

    card = replace(Counter.card, name="chained-images")

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """One after another."""
        made = super().encrypt(images, key).clone()
        for number in range(1, len(made)):
            made[number] ^= made[number - 1]
        return made


class Modulo257(ciphers.Masked):
    """``(a x + b) mod 257``, and 256 becomes 0: two levels of every place become one."""

    card = replace(ciphers.Masked.card, name="modulo-257", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Multiply, add."""
        mask = key.parts["mask"].reshape(-1).astype(int)
        made: ciphers.Bytes = ((plain * (mask + 1) + mask[::-1]) % 257 % 256).astype(np.uint8)
        return made


def probed(target: Target, seed: int) -> Examination:
    return examine(target, SHAPE, "dataset", seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("target", "kind", "words"),
    [
        (KeyedByMaximum(), "keyed-by-contents", "collection of levels"),
        (Counter(), "repeating", "depends on the place of its image in the call"),
        (ChainedImages(), "noisy", "depends on the other images"),
        (Modulo257(), "substitution", "not one to one"),
    ],
    ids=lambda value: value.card.name if isinstance(value, Target) else "",
)
def test_odd_ciphers_are_told(target: Target, kind: str, words: str, seed: int) -> None:
    found = probed(target, seed)
    assert found.kind == kind
    assert words in found.words


def test_images_by_their_mean_are_not_advised_where_the_largest_byte_is_the_key() -> None:
    for seed in range(3):
        examined = probed(KeyedByMaximum(), seed)
        found = {each.name: each for each in examined.findings}
        assert advice(examined.kind, found, 768) == ()
        assert weakness_of(examined.kind)


def test_tables_that_lose_levels_get_no_advice_that_would_fail_yet_are_no_strength() -> None:
    found = {each.name: each for each in probed(Modulo257(), 0).findings}
    assert advice("substitution", found, 768) == ()
    assert weakness_of("substitution")
    kept = {each.name: each for each in probed(ciphers.Masked(), 0).findings}
    assert advice("permutation", kept, 768)
