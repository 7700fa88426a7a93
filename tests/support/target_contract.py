"""What every target must keep, registered or new."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.config import as_dict
from ppattack.errors import ConfigError, ImageError, KeyFileError
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key, PermXorTarget, Target
from tests.conftest import numpy_global_state, smooth_images

QUICK = {"neuracrypt": {"variant": "small"}, "color-neuracrypt": {"variant": "small"}}
"""Settings of schemes whose defaults take seconds for a key."""


def key_of(target: Target, shape: ImageShape, count: int, seed: int = 0) -> Key:
    if "dataset" in target.card.key_scopes:
        return target.generate_key(numpy_stream(seed, "key"), shape)
    return target.generate_keys((numpy_stream(seed, "key", i) for i in range(count)), shape)


def example(name: str, count: int = 5, size: int = 32) -> tuple[Target, torch.Tensor, Key]:
    target = registry.target(name)(**QUICK.get(name, {}))
    channels = max(target.card.channels)
    images = smooth_images(count, size=size, channels=channels)
    return target, images, key_of(target, (channels, size, size), count)


def configuration_round_trip(name: str) -> None:
    plugin = registry.target(name)
    made = plugin()
    assert plugin(made.config).config == made.config
    assert plugin(**as_dict(made.config)).config == made.config
    assert repr(made).startswith(plugin.__name__ + "(")
    with pytest.raises(ConfigError, match="no setting 'nonsense'"):
        plugin(nonsense=1)
    with pytest.raises(AttributeError):
        made.config.anything = 1


def the_same_seed_gives_the_same_key_and_another_another(name: str) -> None:
    target, _, key = example(name)
    again = key_of(target, key.image_shape, 5)
    assert again.fingerprint == key.fingerprint
    if target.key_space_bits(key.image_shape) != 0:
        assert key_of(target, key.image_shape, 5, seed=1).fingerprint != key.fingerprint


def encryption_is_pure_and_deterministic(name: str) -> None:
    target, images, key = example(name)
    before, state = images.clone(), torch.get_rng_state()
    numpy_state = numpy_global_state()
    first = target.encrypt(images, key, generator=numpy_stream(0, "x"))
    again = target.encrypt(images, key, generator=numpy_stream(0, "x"))
    assert torch.equal(first, again)
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert numpy_global_state() == numpy_state
    if target.card.cipher == "image":
        assert first.dtype == torch.uint8
        assert first.device == images.device


def encryption_changes_the_images(name: str) -> None:
    target, images, key = example(name)
    ciphertexts = target.encrypt(images, key)
    assert ciphertexts.shape != images.shape or (ciphertexts != images).any()


def batch_independence_where_declared(name: str) -> None:
    target, images, key = example(name)
    if target.card.batch_dependent:
        pytest.skip("declared as batch dependent")
    together = target.encrypt(images, key)
    for i in range(len(images)):
        alone = target.encrypt(images[i : i + 1], key.rows(slice(i, i + 1)))
        assert torch.equal(alone[0], together[i])


def decryption_undoes_encryption(name: str, size: int) -> None:
    target, images, key = example(name, size=size)
    assert torch.equal(target.decrypt(target.encrypt(images, key), key), images)


def one_key_an_image(name: str) -> None:
    target, images, _ = example(name)
    shape = (images.shape[1], images.shape[2], images.shape[3])
    keys = target.generate_keys((numpy_stream(0, "key", i) for i in range(5)), shape)
    ciphertexts = target.encrypt(images, keys)
    assert torch.equal(target.decrypt(ciphertexts, keys), images)
    if target.key_space_bits(shape) != 0:
        same = images[:1].expand(5, -1, -1, -1)
        rows = target.encrypt(same, keys)
        assert len({row.numpy().tobytes() for row in rows}) == 5


def wrong_images_and_keys_are_refused(name: str) -> None:
    target, images, key = example(name, count=2)
    wrong: list[Any] = [
        images.float(),
        images[0],
        images[:, :, :-1],
        images.permute(0, 2, 3, 1).contiguous(),
        images.numpy(),
    ]
    for value in wrong:
        with pytest.raises(ImageError):
            target.encrypt(value, key)
    foreign = Key("another", key.image_shape, key.parts, key.count)
    with pytest.raises(KeyFileError, match="another"):
        target.encrypt(images, foreign)


def an_empty_batch_stays_empty(name: str) -> None:
    target, images, key = example(name, count=2)
    assert len(target.encrypt(images[:0], key.rows(slice(0, 0)))) == 0


def the_key_space_is_a_number_of_bits(name: str) -> None:
    target = registry.target(name)()
    bits = target.key_space_bits((max(target.card.channels), 32, 32))
    assert bits is not None
    assert 0 <= bits < 1e9


def a_pixel_scheme_is_the_table_it_says(name: str) -> None:
    target, images, key = example(name, count=3)
    if not isinstance(target, PermXorTarget):
        pytest.skip("no pixel scheme")
    prepared = target.representation().prepare(images)
    assert torch.equal(target.permxor(key)(prepared), target.encrypt(images, key))
