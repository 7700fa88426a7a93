"""Laws that every key, image and size must keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import split
from ppattack.errors import ConfigError, ImageError, KeyFileError
from ppattack.target import ImageShape, PermXorTarget
from targets.ele import ELE
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.keyless import Keyless
from targets.le import LE
from targets.pe import PE
from targets.plain import Plain
from tests.support.schemes import (
    EXACT_ON_GREY,
    PAD,
    PAPER,
    PUBLISHED,
    PUBLISHED_EXACT,
    generate_key,
    generate_keys,
    noise,
    pattern,
)

KEYED = [target for target in PAPER if not isinstance(target, Plain | Keyless)]
SHAPES = st.tuples(st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40))
SEEDS = st.integers(0, 2**63 - 1)
quick = settings(deadline=None, max_examples=15)


def _blocks(image: Tensor, block: int) -> NDArray[np.uint8]:
    """``(n, C·B·B)`` of one image."""
    found = split(image.numpy(), block)
    return found.reshape(len(found), -1)


def _folded_nibbles(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each block's nibbles up to complement, sorted."""
    nibbles = np.concatenate([blocks & 15, blocks >> 4], axis=1)
    return np.sort(np.minimum(nibbles, 15 - nibbles), axis=1)


@pytest.mark.parametrize("target", PAPER + PUBLISHED_EXACT, ids=repr)
@quick
@given(shape=SHAPES, seed=SEEDS)
def test_round_trip(target: PermXorTarget, shape: ImageShape, seed: int) -> None:
    images = noise(3, shape, seed % 1000)
    before = images.clone()
    key = generate_key(target, shape, seed)
    out = target.encrypt(images, key)
    assert torch.equal(images, before)
    assert out.shape[1:] == target.padded_shape(shape)
    assert torch.equal(target.decrypt(out, key), images)


@pytest.mark.parametrize("target", [*PAPER, PAD], ids=repr)
@quick
@given(shape=SHAPES, seed=SEEDS, count=st.integers(1, 5))
def test_round_trip_with_one_key_an_image(
    target: PermXorTarget, shape: ImageShape, seed: int, count: int
) -> None:
    images = noise(count, shape, seed % 1000)
    keys = generate_keys(target, shape, count, seed)
    out = target.encrypt(images, keys)
    assert torch.equal(target.decrypt(out, keys), images)
    for i in range(count):
        one = slice(i, i + 1)
        assert torch.equal(target.encrypt(images[one], keys.rows(one)), out[one])


@pytest.mark.parametrize("target", PAPER + PUBLISHED, ids=repr)
@quick
@given(count=st.integers(1, 9), seed=SEEDS)
def test_the_rest_of_a_batch_does_not_matter(target: PermXorTarget, count: int, seed: int) -> None:
    shape = 3, 32, 32
    images = noise(count, shape, seed % 1000)
    key = generate_key(target, shape, seed)
    together = target.encrypt(images, key)
    alone = torch.cat([target.encrypt(image[None], key) for image in images])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("target", KEYED + PUBLISHED + [PAD], ids=repr)
def test_the_seed_decides_the_key(target: PermXorTarget) -> None:
    shape = 3, 32, 32
    first, same, other = (generate_key(target, shape, seed) for seed in (5, 5, 6))
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != other.fingerprint
    image = pattern()
    assert torch.equal(target.encrypt(image, first), target.encrypt(image, same))
    assert not torch.equal(target.encrypt(image, first), target.encrypt(image, other))
    assert not torch.equal(target.encrypt(image, first), image)


@pytest.mark.parametrize("target", KEYED, ids=repr)
def test_one_key_an_image_hides_that_images_are_equal(target: PermXorTarget) -> None:
    images = noise(1, (3, 32, 32)).expand(4, -1, -1, -1)
    out = target.encrypt(images, generate_keys(target, (3, 32, 32), 4))
    assert len({bytes(image.numpy().tobytes()) for image in out}) == 4


@quick
@given(seed=SEEDS, channels=st.sampled_from([1, 3]))
def test_le_maps_equal_blocks_to_equal_blocks(seed: int, channels: int) -> None:
    tile = noise(1, (channels, 4, 4), seed % 1000)
    out = LE().encrypt(tile.tile(1, 1, 3, 5), generate_key(LE(), (channels, 12, 20), seed))
    assert torch.equal(out, out[..., :4, :4].tile(1, 1, 3, 5))


@pytest.mark.parametrize("variant", ["paper", "ito"])
@quick
@given(seed=SEEDS)
def test_le_keeps_each_blocks_folded_nibbles(variant: str, seed: int) -> None:
    target, image = LE(variant=variant), noise(1, (3, 16, 16), seed % 1000)
    out = target.encrypt(image, generate_key(target, (3, 16, 16), seed))
    plain, cipher = (_folded_nibbles(_blocks(each[0], 4)) for each in (image, out))
    assert np.array_equal(plain, cipher)


@pytest.mark.parametrize("variant", ["paper", "ito", "madono"])
@quick
@given(seed=SEEDS)
def test_ele_keeps_folded_nibbles_of_moved_blocks(variant: str, seed: int) -> None:
    target, image = ELE(variant=variant), noise(1, (3, 16, 16), seed % 1000)
    key = generate_key(target, (3, 16, 16), seed)
    out = target.encrypt(image, key)
    plain, cipher = (_folded_nibbles(_blocks(each[0], 4)) for each in (image, out))
    assert np.array_equal(plain[key.parts["blocks"]], cipher)
    assert not np.array_equal(plain, cipher)


@quick
@given(shape=SHAPES, seed=SEEDS)
def test_pe_keeps_every_folded_value_in_place(shape: ImageShape, seed: int) -> None:
    image = noise(1, shape, seed % 1000)
    out = PE().encrypt(image, generate_key(PE(), shape, seed))
    assert torch.equal(torch.minimum(image, 255 - image), torch.minimum(out, 255 - out))


@quick
@given(seed=SEEDS, height=st.integers(1, 20), width=st.integers(1, 20))
def test_pe_shuffle_keeps_the_folded_colours_of_each_pixel(
    seed: int, height: int, width: int
) -> None:
    target, image = PE(color_shuffle=True), noise(1, (3, height, width), seed % 1000)
    out = target.encrypt(image, generate_key(target, (3, height, width), seed))
    plain, cipher = (torch.minimum(each, 255 - each).sort(dim=1).values for each in (image, out))
    assert torch.equal(plain, cipher)


@quick
@given(seed=SEEDS, block=st.sampled_from([4, 8, 16]), channels=st.sampled_from([1, 3]))
def test_etc_keeps_each_blocks_values_or_all_their_complements(
    seed: int, block: int, channels: int
) -> None:
    target, shape = EtC(block_size=block), (channels, 32, 48)
    image, key = noise(1, shape, seed % 1000), generate_key(EtC(block_size=block), shape, seed)
    plain = _blocks(image[0], block)[key.parts["permutation"]]
    cipher = _blocks(target.encrypt(image, key)[0], block)
    plain[key.parts["negative"]] ^= 255
    assert np.array_equal(np.sort(plain, axis=1), np.sort(cipher, axis=1))


@pytest.mark.parametrize("target", EXACT_ON_GREY, ids=repr)
@quick
@given(seed=SEEDS, height=st.integers(1, 40), width=st.integers(1, 40), count=st.integers(0, 3))
def test_grey_scrambling_decrypts_the_grey_image_exactly(
    target: EtcGray, seed: int, height: int, width: int, count: int
) -> None:
    shape, form = (3, height, width), target.representation()
    images = noise(count, shape, seed % 1000)
    key, keys = generate_key(target, shape, seed), generate_keys(target, shape, count, seed)
    for used in (key, keys) if count else (key,):
        out = target.encrypt(images, used)
        assert tuple(out.shape) == (count, *target.padded_shape(shape))
        assert torch.equal(target.permxor(used).inverse()(out), form.prepare(images))
        decrypted = target.decrypt(out, used)
        assert torch.equal(decrypted, form.restore(form.prepare(images), shape))


@quick
@given(seed=SEEDS, block=st.sampled_from([4, 8]))
def test_etc_gray_keeps_each_blocks_values_or_all_their_complements(seed: int, block: int) -> None:
    target, shape = EtcGray(block_size=block), (3, 16, 24)
    image, key = noise(1, shape, seed % 1000), generate_key(EtcGray(block_size=block), shape, seed)
    grey = target.representation().prepare(image)[0]
    plain = _blocks(grey, block)[key.parts["permutation"]]
    cipher = _blocks(target.encrypt(image, key)[0], block)
    plain[key.parts["negative"]] ^= 255
    assert np.array_equal(np.sort(plain, axis=1), np.sort(cipher, axis=1))


def test_colours_come_back_from_ycbcr_within_one_level() -> None:
    images = noise(4, (3, 64, 64))
    for target, most in ((EtcGray(), 1), (EtcGray(color_space="rgb"), 0)):
        key = generate_key(target, (3, 64, 64))
        off = (target.decrypt(target.encrypt(images, key), key).int() - images.int()).abs()
        assert int(off.max()) == most
        if most:
            assert 0.66 < (off == 0).float().mean() < 0.69


def test_halved_chroma_keeps_luma_and_flat_colours() -> None:
    target, flat = EtcGray(subsampling="420"), noise(4, (3, 8, 8)).repeat_interleave(4, 2)
    flat = flat.repeat_interleave(4, 3)
    key = generate_key(target, (3, 32, 32))
    out = target.encrypt(flat, key)
    assert tuple(out.shape) == (4, 1, 32, 48)
    assert (target.decrypt(out, key).int() - flat.int()).abs().max() == 1


def test_primary_colours_have_the_published_components() -> None:
    red_white = torch.tensor([[255, 255], [0, 255], [0, 255]], dtype=torch.uint8)
    grey = EtcGray(block_size=1).representation().prepare(red_white.view(1, 3, 1, 2))
    assert grey.flatten().tolist() == [76, 255, 85, 128, 255, 128]


def test_what_grey_scrambling_refuses() -> None:
    with pytest.raises(ConfigError, match="no chroma to halve"):
        EtcGray(color_space="rgb", subsampling="420")
    with pytest.raises(ImageError, match="takes RGB images only"):
        generate_key(EtcGray(), (1, 16, 16))
    form = EtcGray().representation()
    assert form.image_shape((1, 16, 48)) == (3, 16, 16)
    for shape in ((1, 16, 40), (3, 16, 48), (1, 12, 48)):
        with pytest.raises(ImageError, match="no colour image"):
            form.image_shape(shape)
    with pytest.raises(ImageError, match="no colour image"):
        EtcGray(subsampling="420").representation().image_shape((1, 16, 32))


def test_etc_draws_every_element_code_and_bit() -> None:
    parts = generate_key(EtC(block_size=1), (3, 64, 64)).parts
    for name, size in (("dihedral", 8), ("colour", 6), ("negative", 2)):
        counts = np.bincount(parts[name].astype(np.intp), minlength=size)
        expected = 4096 / size
        assert len(counts) == size
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize(
    ("target", "count", "weights"),
    [("ito", 4, [1, 1, 2, 2]), ("madono", 8, [1, 1, 1, 1, 2, 2, 2, 2])],
)
def test_published_etc_favours_reflections(target: str, count: int, weights: list[int]) -> None:
    parts = generate_key(EtC(variant=target, block_size=1), (3, 64, 64)).parts
    counts = np.bincount(parts["dihedral"].astype(np.intp), minlength=8)
    expected = np.array(weights) * 4096 / sum(weights)
    seen = np.sort(counts[counts > 0])
    assert len(seen) == count
    assert np.abs(seen - expected).max() < 5 * np.sqrt(expected.max())
    assert int(parts["negative"].sum()) == 2048


def test_the_pad_is_uniform_and_serves_one_image() -> None:
    images = torch.zeros((64, 3, 16, 16), dtype=torch.uint8)
    out = PAD.encrypt(images, generate_keys(PAD, (3, 16, 16), 64))
    counts = torch.bincount(out.flatten().int(), minlength=256).double()
    assert float((counts - out.numel() / 256).abs().max()) < 5 * (out.numel() / 256) ** 0.5
    assert len(torch.unique(out.flatten(1), dim=0)) == 64
    key = generate_key(PAD, (3, 16, 16))
    assert PAD.encrypt(images[:1], key).shape == (1, 3, 16, 16)
    with pytest.raises(KeyFileError, match="generate_keys"):
        PAD.encrypt(images[:2], key)
    assert PAD.card.key_scopes == ("image",)


SEEDED: list[PermXorTarget] = [
    LE(variant="ito", legacy_seed=7),
    ELE(variant="ito", legacy_seed=7),
    ELE(variant="madono", legacy_seed=7),
    PE(variant="ito", legacy_seed=7),
    EtC(variant="ito", legacy_seed=7),
    EtC(variant="madono", legacy_seed=7),
]


@pytest.mark.parametrize("target", SEEDED, ids=repr)
def test_a_published_seed_is_a_secret(target: PermXorTarget) -> None:
    public = target.public()
    assert public.config.legacy_seed is None
    assert public.config.variant == target.config.variant
    assert public.target.config.legacy_seed is None
    shape = 3, 32, 32
    guessed = public.target.generate_key(np.random.default_rng(0), shape)
    assert guessed.fingerprint != generate_key(target, shape).fingerprint
    with pytest.raises(ConfigError, match="one key for all images"):
        generate_keys(target, shape, 2)


@pytest.mark.parametrize("plugin", [LE, ELE, PE, EtC])
def test_a_published_seed_needs_published_code(plugin: type[PermXorTarget]) -> None:
    with pytest.raises(ConfigError, match="legacy_seed belongs to published code"):
        plugin(legacy_seed=0)


def test_the_published_pe_has_no_colour_shuffle() -> None:
    with pytest.raises(ConfigError, match="no colour shuffle"):
        PE(variant="ito", color_shuffle=True)
