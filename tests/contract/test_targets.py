"""What every registered target must keep; a new one is tested the day it is registered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.config import describe
from ppattack.plugins import registry
from ppattack.target import Key
from tests.support import target_contract as contract
from tests.support.target_contract import example

NAMES = registry.names("target")
INVERTIBLE = [name for name in NAMES if registry.target(name).card.invertible]


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
    contract.configuration_round_trip(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_key_and_another_another(name: str) -> None:
    contract.the_same_seed_gives_the_same_key_and_another_another(name)


@pytest.mark.parametrize("name", NAMES)
def test_encryption_is_pure_and_deterministic(name: str) -> None:
    contract.encryption_is_pure_and_deterministic(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain"])
def test_encryption_changes_the_images(name: str) -> None:
    contract.encryption_changes_the_images(name)


@pytest.mark.parametrize("name", NAMES)
def test_batch_independence_where_declared(name: str) -> None:
    contract.batch_independence_where_declared(name)


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "strided"])
@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_does_not_matter(name: str, layout: str) -> None:
    target, images, key = example(name, count=4)
    other = images
    if layout == "channels last":
        other = images.contiguous(memory_format=torch.channels_last)
    elif layout == "strided":
        other = torch.stack([images, images], dim=-1)[..., 0]
    assert torch.equal(target.encrypt(images, key), target.encrypt(other, key))


@pytest.mark.parametrize("size", [32, 33, 47])
@pytest.mark.parametrize("name", INVERTIBLE)
def test_decryption_undoes_encryption(name: str, size: int) -> None:
    contract.decryption_undoes_encryption(name, size)


@pytest.mark.parametrize("size", [32, 33, 47])
@pytest.mark.parametrize("name", NAMES)
def test_the_public_form_of_images_has_the_shape_of_the_ciphertexts(name: str, size: int) -> None:
    target, images, key = example(name, size=size)
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
    contract.one_key_an_image(name)


@pytest.mark.parametrize("name", NAMES)
def test_key_files_round_trip_and_repr_hides_the_key(name: str) -> None:
    target, images, key = example(name, count=2)
    again = Key.from_json(key.to_json())
    assert again.fingerprint == key.fingerprint
    assert torch.equal(target.encrypt(images, again), target.encrypt(images, key))
    assert "array" not in repr(key)
    assert key.fingerprint in repr(key)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_images_and_keys_are_refused(name: str) -> None:
    contract.wrong_images_and_keys_are_refused(name)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_stays_empty(name: str) -> None:
    contract.an_empty_batch_stays_empty(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_key_space_is_a_number_of_bits(name: str) -> None:
    contract.the_key_space_is_a_number_of_bits(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_scheme_is_the_table_it_says(name: str) -> None:
    contract.a_pixel_scheme_is_the_table_it_says(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", NAMES)
def test_the_device_does_not_matter(name: str) -> None:
    target, images, key = example(name)
    on_gpu = target.encrypt(images.cuda(), key)
    assert on_gpu.is_cuda
    on_cpu = target.encrypt(images, key)
    exact = target.card.cipher == "image"
    assert (
        torch.equal(on_gpu.cpu(), on_cpu)
        if exact
        else torch.allclose(on_gpu.cpu(), on_cpu, atol=1e-3)
    )
