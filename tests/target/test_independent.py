"""The targets against slow, independent versions of their schemes, and against their own tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.plugins import registry
from ppattack.target import Key, PermXorTarget
from targets.ele import ELE
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.le import LE
from targets.one_time_pad import OneTimePad
from targets.pe import PE
from tests.support import slow_schemes as slow
from tests.support.schemes import (
    EXACT_ON_GREY,
    PAPER,
    PUBLISHED,
    generate_key,
    generate_keys,
    noise,
    recover_by_chosen_plaintexts,
)

SEEDS = [1, 2, 3]
CODES = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
MEANT = [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1], [2, 0, 1], [1, 2, 0]]
LOSSY = [[0, 1, 2], [1, 1, 2], [2, 1, 2], [0, 2, 2], [2, 2, 2], [1, 2, 1]]


def _hwc(image: Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = image.permute(1, 2, 0).numpy()
    return found


def _slow(target: PermXorTarget, image: NDArray[np.uint8], key: Key) -> NDArray[np.uint8]:
    parts, config = key.parts, target.config
    if isinstance(target, LE):
        return slow.le(image, parts["permutation"], parts["negative"], config.block_size)
    if isinstance(target, ELE):
        tables = parts["blocks"], parts["permutations"], parts["negatives"]
        return slow.ele(image, *tables, config.block_size)
    if isinstance(target, PE):
        return slow.pe(image, parts["negative"], parts.get("colour"))
    codes = parts.get("colour", np.zeros(len(parts["permutation"]), np.uint8))
    table = CODES if config.variant == "paper" else LOSSY if config.channel_bug else MEANT
    orders = [table[code] if image.shape[2] == 3 else [0] for code in codes]
    moves = parts["permutation"], parts["dihedral"], parts["negative"]
    return slow.etc(image, *moves, orders, config.block_size)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("target", EXACT_ON_GREY, ids=repr)
def test_grey_scrambling_equals_the_slow_version(target: EtcGray, seed: int) -> None:
    config, multiple = target.config, target.size_multiple
    shape = 3, 2 * multiple, 3 * multiple
    image = noise(1, shape, seed)
    key = generate_key(target, shape, seed)
    grey = slow.side_by_side(_hwc(image[0]), config.color_space, config.subsampling)
    moves = key.parts["permutation"], key.parts["dihedral"], key.parts["negative"]
    expected = slow.etc(grey, *moves, [[0]] * len(moves[0]), config.block_size)
    assert np.array_equal(_hwc(target.encrypt(image, key)[0]), expected)


KEYED = [target for target in PAPER + PUBLISHED if isinstance(target, LE | ELE | PE | EtC)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("target", KEYED, ids=repr)
def test_equals_the_slow_version(target: PermXorTarget, channels: int, seed: int) -> None:
    multiple = target.size_multiple
    shape = channels, 3 * multiple, 2 * multiple
    image = noise(1, shape, seed)
    key = generate_key(target, shape, seed)
    expected = _slow(target, _hwc(image[0]), key)
    assert np.array_equal(_hwc(target.encrypt(image, key)[0]), expected)


@pytest.mark.parametrize("target", KEYED, ids=repr)
def test_one_key_an_image_equals_the_slow_version(target: PermXorTarget) -> None:
    shape = 3, 2 * target.size_multiple, 2 * target.size_multiple
    images = noise(3, shape)
    keys = generate_keys(target, shape, 3)
    out = target.encrypt(images, keys)
    for i in range(3):
        parts = {name: part[i] for name, part in keys.parts.items()}
        alone = Key(keys.scheme, shape, parts)
        assert np.array_equal(_hwc(out[i]), _slow(target, _hwc(images[i]), alone))


REGISTERED = [
    entry.plugin()
    for entry in registry.entries("target")
    if entry.plugin and issubclass(entry.plugin, PermXorTarget)
]
ALL = {repr(target): target for target in REGISTERED + PAPER + PUBLISHED + EXACT_ON_GREY}
CASES = [(target, c) for target in ALL.values() for c in target.card.channels]


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize(("target", "channels"), CASES, ids=repr)
def test_chosen_plaintexts_recover_the_tables(
    target: PermXorTarget, channels: int, size: int
) -> None:
    edge = size + -size % target.size_multiple
    key = generate_key(target, (channels, edge, edge), seed=size)
    truth = target.permxor(key)
    found = recover_by_chosen_plaintexts(target, key, truth.unit)
    assert np.array_equal(found.index, truth.index)
    assert np.array_equal(found.mask, truth.mask)


def test_a_target_that_is_not_its_table_is_noticed() -> None:
    class Cheat(OneTimePad):
        def encrypt(self, images: Tensor, key: Key, *, generator: object = None) -> Tensor:
            return super().encrypt(images, key) ^ (images > 200).to(torch.uint8)

    key = generate_key(Cheat(), (3, 16, 16))
    found = recover_by_chosen_plaintexts(Cheat(), key, "byte")
    assert not np.array_equal(found.index, Cheat().permxor(key).index)
