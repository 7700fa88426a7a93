from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ppattack.errors import ConfigError, ImageError, KeyFileError, NotInvertible
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target import ImageShape, Key
from targets.neuracrypt import NeuraCrypt
from tests.conftest import smooth_images

pytestmark = pytest.mark.long

SHAPE: ImageShape = (1, 32, 32)
SMALL = {"variant": "small", "hidden": 48}


def _key(target: NeuraCrypt, shape: ImageShape = SHAPE, seed: int = 0) -> Key:
    return target.generate_key(numpy_stream(seed, "key"), shape)


def _images(count: int = 6, size: int = 32, seed: int = 0) -> Tensor:
    return smooth_images(count, size=size, channels=1, seed=seed)


def _sorted_rows(codes: Tensor) -> Tensor:
    """Patches of every image in the order of their first number."""
    return codes.gather(1, codes[..., :1].argsort(1).expand_as(codes))


def test_the_papers_sizes() -> None:
    target = NeuraCrypt()
    assert target.ciphertext_shape((1, 256, 256)) == (256, 2048)
    assert target.key_space_bits((1, 256, 256)) == 32 * 22_048_768


@pytest.mark.parametrize(("depth", "blocks"), [(1, 0), (3, 0), (7, 4), (47, 44)])
def test_a_named_depth_counts_three_layers_more_than_blocks(depth: int, blocks: int) -> None:
    target = NeuraCrypt(**SMALL, depth=depth)
    key = _key(target)
    assert len(target.encoder(key).blocks) == blocks
    assert ("position" in key.parts) == (depth != 1)


def test_there_is_no_depth_of_two() -> None:
    with pytest.raises(ConfigError, match="no encoder of depth 2"):
        NeuraCrypt(depth=2)


def test_codes_are_the_encoders_of_normalised_images() -> None:
    target = NeuraCrypt(**SMALL, shuffle=False)
    key, images = _key(target), _images()
    inputs = (images.double() - 43.9) / 63.2
    torch.testing.assert_close(target.normalised(images).double(), inputs, atol=1e-6, rtol=1e-6)
    codes = target.encrypt(images, key)
    assert codes.shape == (6, 16, 48)
    torch.testing.assert_close(codes, target.encoder(key)(inputs.float()), atol=1e-5, rtol=1e-4)
    assert target.tokens(codes) is codes


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 5), count=st.integers(1, 6))
def test_a_code_depends_on_its_image_alone_where_frozen(seed: int, first: int, count: int) -> None:
    target = NeuraCrypt(**SMALL)
    key, images = _key(target), _images(seed=seed)
    part = slice(first, first + count)
    assert torch.equal(target.encrypt(images[part], key), target.encrypt(images, key)[part])


def test_a_code_depends_on_its_batch_and_no_other_where_not_frozen() -> None:
    target = NeuraCrypt(**SMALL, batch_norm="batch", batch_size=4, shuffle=False)
    key, images = _key(target), _images(6)
    codes = target.encrypt(images, key)
    assert not torch.allclose(target.encrypt(images[:1], key), codes[:1], atol=1e-2)
    assert torch.equal(target.encrypt(images[:4], key), codes[:4])
    assert torch.equal(target.encrypt(images[4:], key), codes[4:])
    order = [3, 1, 0, 2, 4, 5]
    torch.testing.assert_close(target.encrypt(images[order], key), codes[order])
    mixed = [4, 1, 2, 3, 0, 5]
    assert not torch.allclose(target.encrypt(images[mixed], key), codes[mixed], atol=1e-2)


def test_a_batch_of_one_patch_is_refused() -> None:
    target = NeuraCrypt(**SMALL, batch_norm="batch", batch_size=4)
    key = _key(target, (1, 8, 8))
    assert len(target.encrypt(_images(4, size=8), key)) == 4
    with pytest.raises(ImageError, match="batch of one patch"):
        target.encrypt(_images(5, size=8), key)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_the_shuffle_moves_rows_and_changes_none(seed: int) -> None:
    target, images = NeuraCrypt(**SMALL), _images()
    key = _key(target)
    still = NeuraCrypt(**SMALL, shuffle=False).encrypt(images, key)
    shuffled = target.encrypt(images, key, generator=numpy_stream(seed))
    assert not torch.equal(shuffled, still)
    assert torch.equal(_sorted_rows(shuffled), _sorted_rows(still))
    other = target.encrypt(images, key, generator=numpy_stream(seed + 1))
    assert not torch.equal(shuffled, other)
    assert torch.equal(_sorted_rows(shuffled), _sorted_rows(other))


def test_every_image_is_shuffled_anew_and_all_orders_are_alike_likely() -> None:
    target = NeuraCrypt(**SMALL)
    key, images = _key(target), _images(1, size=32).expand(400, -1, -1, -1)
    codes = target.encrypt(images, key, generator=numpy_stream(0))
    plain = NeuraCrypt(**SMALL, shuffle=False).encrypt(images[:1], key)[0]
    place = (codes[:, :, None, 0] == plain[None, None, :, 0]).float()  # (N, place, patch)
    assert torch.equal(place.sum(1), torch.ones(400, 16))
    counts = place.sum(0)
    assert float(((counts - 25) ** 2 / 25).sum()) < 300  # chi squared, 225 degrees of freedom


def test_without_a_generator_the_key_and_the_image_order_the_patches() -> None:
    target, images = NeuraCrypt(**SMALL), _images(2)
    still = NeuraCrypt(**SMALL, shuffle=False)
    orders = []
    for seed in (0, 1):
        key = _key(target, seed=seed)
        codes, rows = target.encrypt(images, key), still.encrypt(images, key)
        found = (codes[:, :, None, 0] == rows[:, None, :, 0]).float().argmax(2)
        orders += [tuple(order.tolist()) for order in found]
    assert len(set(orders)) == 4


def test_images_are_padded_to_whole_patches() -> None:
    target = NeuraCrypt(**SMALL, shuffle=False)
    key, images = _key(target, (1, 27, 30)), _images()[:, :, :27, :30]
    padded = torch.nn.functional.pad(images.float(), (0, 2, 0, 5), mode="replicate").byte()
    codes = target.encrypt(images, key)
    assert codes.shape == (6, 16, 48)
    assert torch.equal(codes, target.encrypt(padded, replace(key, image_shape=SHAPE)))


def test_two_keys_give_uncorrelated_codes() -> None:
    target, images = NeuraCrypt(**SMALL, shuffle=False), _images()
    first, second = (target.encrypt(images, _key(target, seed=i)).flatten() for i in (0, 1))
    found = float(torch.corrcoef(torch.stack([first, second]))[0, 1])
    assert abs(found) < 0.15  # 768 independent numbers: images share most of their codes


def test_a_key_an_image_is_the_key_of_that_image() -> None:
    target, images = NeuraCrypt(**SMALL), _images(3)
    keys = target.generate_keys((numpy_stream(0, "key", i) for i in range(3)), SHAPE)
    assert sum(part.nbytes for part in keys.parts.values()) == 3 * 32
    codes = target.encrypt(images, keys)
    for i in range(3):
        own = target.generate_key(numpy_stream(0, "key", i), SHAPE)
        assert torch.equal(target.encrypt(images[i : i + 1], own)[0], codes[i])
    with pytest.raises(KeyFileError, match="not the key of one image"):
        target.encoder(keys)


def test_there_is_no_decryption() -> None:
    target = NeuraCrypt(**SMALL)
    key = _key(target)
    with pytest.raises(NotInvertible, match="neuracrypt"):
        target.decrypt(target.encrypt(_images(), key), key)


@pytest.mark.parametrize(
    "changes", [{"hidden": 40}, {"depth": 8}, {"batch_norm": "batch"}, {"patch_size": 16}]
)
def test_a_key_of_other_settings_is_refused(changes: dict[str, object]) -> None:
    key = _key(NeuraCrypt(**SMALL))
    with pytest.raises(KeyFileError, match="settings that it was made with"):
        NeuraCrypt(**{**SMALL, **changes}).encrypt(_images(), key)


def test_a_key_of_other_numbers_is_refused() -> None:
    target = NeuraCrypt(**SMALL)
    key = _key(target)
    parts = {**key.parts, "embed.bias": key.parts["embed.bias"].astype(np.float64)}
    with pytest.raises(KeyFileError, match="float32"):
        target.encrypt(_images(), replace(key, parts=parts))


def test_a_surrogate_is_distributed_like_a_key_and_learns() -> None:
    target = NeuraCrypt(**SMALL)
    surrogate = target.surrogate(torch_stream(5), SHAPE)
    again = target.surrogate(torch_stream(5), SHAPE)
    key = target.encoder(_key(target))
    assert surrogate.state_dict().keys() == key.state_dict().keys()
    assert all(part.requires_grad for part in surrogate.parameters())
    assert not any(part.requires_grad for part in key.parameters())
    inputs = target.normalised(_images())
    assert torch.equal(surrogate(inputs), again(inputs))
    assert not torch.allclose(surrogate(inputs), key(inputs), atol=0.1)
    ratio = float(surrogate(inputs).detach().std() / key(inputs).std())
    assert 0.8 < ratio < 1.25


@pytest.mark.parametrize("depth", [7, 47])
def test_frozen_codes_keep_their_scale_and_tell_images_apart(depth: int) -> None:
    target = NeuraCrypt(**SMALL, depth=depth, shuffle=False)
    codes = target.encrypt(_images(16), _key(target))
    assert 0.1 < float(codes.std()) < 3
    assert float(codes.std(0).mean()) > 0.02
