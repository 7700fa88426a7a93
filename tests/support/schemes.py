"""What the tests of the encryption targets share."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.permxor import PermXor, Unit
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key, PermXorTarget
from targets.block_defence import BlockDefence
from targets.ele import ELE
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.etc_sub import EtcSub
from targets.keyless import Keyless
from targets.le import LE
from targets.one_time_pad import OneTimePad
from targets.patch_shuffle import PatchShuffle
from targets.pe import PE
from targets.plain import Plain
from targets.vit_blocks import VitBlocks

PAPER: list[PermXorTarget] = [
    LE(),
    LE(block_size=3),
    ELE(),
    ELE(block_size=8),
    PE(),
    PE(color_shuffle=True),
    EtC(),
    EtC(block_size=4),
    VitBlocks(block_size=8),
    VitBlocks(block_size=4, order="hwc", shuffle="sub-blocks"),
    VitBlocks(block_size=4, pixel_keys="each", moving_blocks=0.5, moving_pixels=0.5),
    VitBlocks(block_size=4, shuffle="none", flips=False),
    PatchShuffle(patch_size=4),
    BlockDefence(),
    BlockDefence(transformation="np"),
    BlockDefence(transformation="shf-np", block_size=8),
    EtcSub(block_size=8, sub_block_size=4),
    EtcSub(keys="independent"),
    EtcSub(variant="iib-cpe", block_size=8, sub_block_size=4),
    Plain(),
    Keyless(),
]
"""Invertible targets that accept a data-set key."""

EXACT_ON_GREY: list[PermXorTarget] = [
    EtcGray(),
    EtcGray(block_size=4, subsampling="420"),
    EtcGray(color_space="rgb"),
]
"""Targets that decrypt a grey image exactly, and colours as far as their conversion allows."""

PUBLISHED_EXACT: list[PermXorTarget] = [
    LE(variant="ito"),
    ELE(variant="ito"),
    ELE(variant="madono"),
    PE(variant="ito", truncation=False),
    EtC(variant="ito", block_size=4, channel_bug=False),
    EtC(variant="madono", block_size=4, channel_bug=False),
    VitBlocks(variant="demo", block_size=8),
    VitBlocks(variant="re", block_size=8),
    BlockDefence(variant="code"),
    BlockDefence(variant="code", transformation="np"),
    EtcSub(variant="code"),
    EtcSub(variant="code", keys="independent"),
]
"""The published codes' variants that decrypt."""

PUBLISHED: list[PermXorTarget] = [
    *PUBLISHED_EXACT,
    EtC(variant="ito", block_size=4),
    EtC(variant="madono", block_size=4),
]
"""The published codes' variants, lossy ones too."""

PAD = OneTimePad()


def pattern(size: int = 32) -> Tensor:
    """``v[h, w, c] = (7h + 13w + 31c) mod 256``, as ``(1, 3, size, size)``."""
    row, column, channel = np.ogrid[:size, :size, :3]
    image = ((7 * row + 13 * column + 31 * channel) % 256).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def digest(image: Tensor) -> str:
    """First 16 hexadecimal digits of SHA-256 over one image's bytes in the order H, W, C."""
    data = image[0].permute(1, 2, 0).contiguous().numpy().tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def pixel(image: Tensor, row: int, column: int) -> tuple[int, ...]:
    """The colours of one pixel of one image."""
    return tuple(int(value) for value in image[0, :, row, column])


def key_of(target: PermXorTarget, image_shape: ImageShape, **parts: NDArray[np.generic]) -> Key:
    """A data-set key with chosen parts, in the types that the target generates."""
    generated = generate_key(target, image_shape).parts
    assert generated.keys() == parts.keys()
    return Key(
        target.card.name,
        image_shape,
        {name: part.astype(generated[name].dtype) for name, part in parts.items()},
    )


def generate_key(target: PermXorTarget, image_shape: ImageShape, seed: int = 0) -> Key:
    """A data-set key."""
    return target.generate_key(numpy_stream(seed, "key"), image_shape)


def generate_keys(target: PermXorTarget, image_shape: ImageShape, count: int, seed: int = 0) -> Key:
    """One key per image."""
    rngs = (numpy_stream(seed, "key", i) for i in range(count))
    return target.generate_keys(rngs, image_shape)


def noise(count: int, shape: ImageShape, seed: int = 0) -> Tensor:
    """Uniform random images."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (count, *shape), dtype=np.uint8))


def recover_by_chosen_plaintexts(target: PermXorTarget, key: Key, unit: Unit) -> PermXor:
    """A target's tables from its ciphertexts of a zero image and of the digits of the addresses.

    Works for any scheme that moves symbols of base q and combines them with a mask, whatever
    its structure: the adversary that the tables must be no more than.
    """
    form = target.representation()
    shape, lowest = form.shape(key.image_shape), form.levels.start
    symbols = int(np.prod(shape)) * (2 if unit == "nibble" else 1)
    base = 16 if unit == "nibble" else len(form.levels)

    def ask(plain: NDArray[np.integer]) -> NDArray[np.uint8]:
        if unit == "nibble":
            low, high = np.split(plain, 2)
            plain = low | high << 4
        prepared = torch.from_numpy((plain + lowest).astype(np.uint8).reshape(1, *shape))
        image = form.restore(prepared, key.image_shape)
        found: NDArray[np.uint8] = target.encrypt(image, key).numpy().reshape(-1)
        return np.concatenate([found & 15, found >> 4]) if unit == "nibble" else found

    addresses = np.arange(symbols)
    mask = ask(np.zeros(symbols, np.int64)) ^ np.uint8(lowest)
    index = np.zeros(symbols, np.int64)
    weight = 1
    while weight < symbols:
        seen = (ask(addresses // weight % base) ^ mask).astype(np.int64)
        index += (seen - lowest) * weight
        weight *= base
    return PermXor(index, mask, unit)
