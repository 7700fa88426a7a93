"""What stands between plain images and a classifier: changed first, then encrypted by one key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.classification.augmentation import SEEDS, change_images
from ppattack.classification.encrypted_inputs import EncryptedInputs
from ppattack.classification.settings import TrainingConfig
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream

SHAPE = (3, 32, 32)


def inputs_of(name: str, centred: bool = True, **settings: Any) -> EncryptedInputs:
    target = registry.target(name)(**settings)
    key = target.generate_key(np.random.default_rng(5), SHAPE)
    return EncryptedInputs(target, key, TrainingConfig(), 4, centred)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, *SHAPE), np.uint8)
    return torch.from_numpy(pixels), torch.tensor([0, 1, 2, 3, 0, 1])


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("name", ["etc", "ele", "le", "pe"])
def test_images_are_changed_before_they_are_encrypted(name: str, centred: bool) -> None:
    made = inputs_of(name, centred)
    images, labels = batch()
    given, shares = made(images, labels, torch.Generator().manual_seed(1))
    assert given.dtype == torch.float32
    assert float(given.min()) < (-0.9 if centred else 0.1)
    assert float(given.max()) > 0.9
    pixels = (given * 127.5 + 127.5 if centred else given * 255).round().to(torch.uint8)
    assert made.key is not None
    decrypted = made.target.decrypt(pixels.contiguous(), made.key)
    seed = int(torch.randint(SEEDS, (), generator=torch.Generator().manual_seed(1)))
    rng = numpy_stream(seed, "augmentation")
    assert torch.equal(decrypted, change_images(images, made.config, rng))
    assert torch.equal(shares.argmax(dim=1), labels)
    assert torch.equal(images, batch()[0])


def test_an_identity_would_be_noticed() -> None:
    images, _ = batch()
    rng = np.random.default_rng(0)
    plain = inputs_of("plain").encrypt(images, rng)
    torch.testing.assert_close(plain, images.float() / 127.5 - 1)
    for name in ("etc", "ele", "le", "pe"):
        assert not torch.equal(inputs_of(name).encrypt(images, rng), plain)


def test_one_key_for_all_images_or_a_fresh_one_each() -> None:
    images = batch()[0][:1].repeat(3, 1, 1, 1)
    same = inputs_of("ele").encrypt(images, np.random.default_rng(0))
    assert torch.equal(same[0], same[1])
    fresh = replace(inputs_of("ele"), key=None)
    given = [fresh.encrypt(images, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert len({each.numpy().tobytes() for each in (*given[0], *given[2])}) == 6
    assert torch.equal(given[0], given[1])


@pytest.mark.parametrize("name", ["neuracrypt", "color-neuracrypt"])
def test_codes_are_given_as_they_are(name: str) -> None:
    made = inputs_of(name, variant="small", hidden=16)
    images, labels = batch()
    rng = np.random.default_rng(0)
    given = made.encrypt(images, rng)
    assert given.shape[1:] == made.target.ciphertext_shape(SHAPE)
    assert made.key is not None
    assert torch.equal(
        given, made.target.encrypt(images, made.key, generator=np.random.default_rng(0))
    )
    changed, _ = made(images, labels, torch.Generator().manual_seed(1))
    assert changed.shape == given.shape
