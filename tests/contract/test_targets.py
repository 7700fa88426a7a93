"""What every registered target must keep; a new one is tested the day it is registered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.config import as_dict, describe
from ppattack.errors import ConfigError, ImageError, KeyFileError
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key, PermXorTarget, Target
from tests.conftest import numpy_global_state, smooth_images

NAMES = registry.names("target")
QUICK = {"neuracrypt": {"variant": "small"}, "color-neuracrypt": {"variant": "small"}}
"""Settings of schemes whose defaults take seconds for a key."""
INVERTIBLE = [name for name in NAMES if registry.target(name).card.invertible]


def _key(target: Target, shape: ImageShape, count: int, seed: int = 0) -> Key:
    if "dataset" in target.card.key_scopes:
        return target.generate_key(numpy_stream(seed, "key"), shape)
    return target.generate_keys((numpy_stream(seed, "key", i) for i in range(count)), shape)


def _example(name: str, count: int = 5, size: int = 32) -> tuple[Target, torch.Tensor, Key]:
    target = registry.target(name)(**QUICK.get(name, {}))
    channels = max(target.card.channels)
    images = smooth_images(count, size=size, channels=channels)
    return target, images, _key(target, (channels, size, size), count)


@pytest.mark.parametrize("name", NAMES)
def test_card_and_docstring(name: str) -> None:
    plugin = registry.target(name)
    card = plugin.card
    assert card.name == name
    assert len(card.title) > 10
    assert card.reference.authors
    assert 1900 < card.reference.year < 2100
    assert set(card.key_scopes) <= {"dataset", "image"}
    assert plugin.__doc__
    assert all(row["doc"] for row in describe(plugin.Config))


@pytest.mark.parametrize("name", NAMES)
def test_configuration_round_trip(name: str) -> None:
    plugin = registry.target(name)
    made = plugin()
    assert plugin(made.config).config == made.config
    assert plugin(**as_dict(made.config)).config == made.config
    assert repr(made).startswith(plugin.__name__ + "(")
    with pytest.raises(ConfigError, match="no setting 'nonsense'"):
        plugin(nonsense=1)
    with pytest.raises(AttributeError):
        made.config.anything = 1


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_key_and_another_another(name: str) -> None:
    target, _, key = _example(name)
    again = _key(target, key.image_shape, 5)
    assert again.fingerprint == key.fingerprint
    if target.key_space_bits(key.image_shape) > 0:
        assert _key(target, key.image_shape, 5, seed=1).fingerprint != key.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_encryption_is_pure_and_deterministic(name: str) -> None:
    target, images, key = _example(name)
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


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain"])
def test_encryption_changes_the_images(name: str) -> None:
    target, images, key = _example(name)
    ciphertexts = target.encrypt(images, key)
    assert ciphertexts.shape != images.shape or (ciphertexts != images).any()


@pytest.mark.parametrize("name", NAMES)
def test_batch_independence_where_declared(name: str) -> None:
    target, images, key = _example(name)
    if target.card.batch_dependent:
        pytest.skip("declared as batch dependent")
    together = target.encrypt(images, key)
    for i in range(len(images)):
        alone = target.encrypt(images[i : i + 1], key.rows(slice(i, i + 1)))
        assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "strided"])
@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_does_not_matter(name: str, layout: str) -> None:
    target, images, key = _example(name, count=4)
    other = images
    if layout == "channels last":
        other = images.contiguous(memory_format=torch.channels_last)
    elif layout == "strided":
        other = torch.stack([images, images], dim=-1)[..., 0]
    assert torch.equal(target.encrypt(images, key), target.encrypt(other, key))


@pytest.mark.parametrize("size", [32, 33, 47])
@pytest.mark.parametrize("name", INVERTIBLE)
def test_decryption_undoes_encryption(name: str, size: int) -> None:
    target, images, key = _example(name, size=size)
    assert torch.equal(target.decrypt(target.encrypt(images, key), key), images)


@pytest.mark.parametrize("size", [32, 33, 47])
@pytest.mark.parametrize("name", NAMES)
def test_the_public_form_of_images_has_the_shape_of_the_ciphertexts(name: str, size: int) -> None:
    target, images, key = _example(name, size=size)
    if target.card.cipher != "image":
        pytest.skip("ciphertexts are no images")
    form = target.public(own_keys=False).representation
    prepared = form.prepare(images)
    assert prepared.shape == target.encrypt(images, key).shape
    assert tuple(prepared.shape[1:]) == form.shape(key.image_shape)
    restored = form.restore(prepared, key.image_shape)
    assert restored.shape == images.shape
    assert (restored.int() - images.int()).abs().max() <= 1
    whole = form.image_shape(form.shape(key.image_shape))
    free = torch.from_numpy(np.random.default_rng(0).choice(form.levels, prepared.shape))
    free = free.to(torch.uint8)
    assert torch.equal(form.prepare(form.restore(free, whole)), free)


@pytest.mark.parametrize("name", INVERTIBLE)
def test_one_key_an_image(name: str) -> None:
    target, images, _ = _example(name)
    shape = (images.shape[1], images.shape[2], images.shape[3])
    keys = target.generate_keys((numpy_stream(0, "key", i) for i in range(5)), shape)
    ciphertexts = target.encrypt(images, keys)
    assert torch.equal(target.decrypt(ciphertexts, keys), images)
    if target.key_space_bits(shape) > 0:
        same = images[:1].expand(5, -1, -1, -1)
        rows = target.encrypt(same, keys)
        assert len({row.numpy().tobytes() for row in rows}) == 5


@pytest.mark.parametrize("name", NAMES)
def test_key_files_round_trip_and_repr_hides_the_key(name: str) -> None:
    target, images, key = _example(name, count=2)
    again = Key.from_json(key.to_json())
    assert again.fingerprint == key.fingerprint
    assert torch.equal(target.encrypt(images, again), target.encrypt(images, key))
    assert "array" not in repr(key)
    assert key.fingerprint in repr(key)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_images_and_keys_are_refused(name: str) -> None:
    target, images, key = _example(name, count=2)
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


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_stays_empty(name: str) -> None:
    target, images, key = _example(name, count=2)
    assert len(target.encrypt(images[:0], key.rows(slice(0, 0)))) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_key_space_is_a_number_of_bits(name: str) -> None:
    target = registry.target(name)()
    bits = target.key_space_bits((max(target.card.channels), 32, 32))
    assert 0 <= bits < 1e9


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_scheme_is_the_table_it_says(name: str) -> None:
    target, images, key = _example(name, count=3)
    if not isinstance(target, PermXorTarget):
        pytest.skip("no pixel scheme")
    prepared = target.representation().prepare(images)
    assert torch.equal(target.permxor(key)(prepared), target.encrypt(images, key))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", NAMES)
def test_the_device_does_not_matter(name: str) -> None:
    target, images, key = _example(name)
    on_gpu = target.encrypt(images.cuda(), key)
    assert on_gpu.is_cuda
    on_cpu = target.encrypt(images, key)
    exact = target.card.cipher == "image"
    assert (
        torch.equal(on_gpu.cpu(), on_cpu)
        if exact
        else torch.allclose(on_gpu.cpu(), on_cpu, atol=1e-3)
    )
