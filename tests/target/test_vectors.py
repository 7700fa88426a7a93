"""Exact ciphertexts: of stated keys, and of keys of published code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.errors import NotInvertible
from ppattack.target import Key, PermXorTarget
from targets.ele import ELE
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.keyless import Keyless
from targets.le import LE
from targets.pe import PE
from tests.support.schemes import digest, generate_key, key_of, pattern, pixel

SHAPE = (3, 32, 32)


def test_the_test_image() -> None:
    assert digest(pattern()) == "f37e9228e1ca50d3"
    assert int(pattern().sum()) == 396288


def test_le_with_a_stated_key() -> None:
    j = np.arange(96)
    key = key_of(LE(), SHAPE, permutation=(5 * j + 7) % 96, negative=j % 3 == 0)
    out = LE().encrypt(pattern(), key)
    assert digest(out) == "c412b1156970f83b"
    assert pixel(out, 0, 0) == (198, 7, 82)
    assert pixel(out, 31, 31) == (142, 108, 230)
    assert int(out.sum()) == 392280


def test_le_published_seed() -> None:
    target = LE(variant="ito", legacy_seed=0)
    out = target.encrypt(pattern(), generate_key(target, SHAPE))
    assert digest(out) == "e555a7970080ece3"
    assert pixel(out, 0, 0) == (218, 2, 43)


def test_ele_published_seed() -> None:
    target = ELE(variant="ito", legacy_seed=0)
    key = generate_key(target, SHAPE)
    out = target.encrypt(pattern(), key)
    assert digest(out) == "83906d1cecc6cbd5"
    assert pixel(out, 0, 0) == (133, 87, 54)
    assert key.parts["blocks"][:8].tolist() == [16, 36, 27, 8, 44, 23, 53, 4]
    for block, seed in enumerate([85062, 63696, 51113]):
        expected = np.random.default_rng(seed).permutation(96)
        assert key.parts["permutations"][block].tolist() == expected.tolist()


def test_ele_block_order_of_the_original_code() -> None:
    target = ELE(variant="madono", legacy_seed=30)
    key = generate_key(target, SHAPE)
    assert key.parts["blocks"][:8].tolist() == [14, 43, 53, 26, 12, 57, 28, 32]


def _pe_parts() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    channel, row, column = np.ogrid[:3, :32, :32]
    return {"negative": (row + 2 * column + channel) % 2, "colour": (3 * row + column)[0] % 6}


def test_pe_complements() -> None:
    key = key_of(PE(), SHAPE, negative=_pe_parts()["negative"])
    assert digest(PE().encrypt(pattern(), key)) == "605b0387e96b8cc2"


def test_pe_complements_and_colours() -> None:
    target = PE(color_shuffle=True)
    out = target.encrypt(pattern(), key_of(target, SHAPE, **_pe_parts()))
    assert digest(out) == "db23fecb22fa2d25"
    assert pixel(out, 0, 1) == (13, 75, 211)


def test_pe_published_seed_exact_and_truncated() -> None:
    exact = PE(variant="ito", truncation=False, legacy_seed=0)
    truncated = PE(variant="ito", legacy_seed=0)
    key = generate_key(exact, SHAPE)
    assert int(key.parts["negative"].sum()) == 1606
    first, second = (target.encrypt(pattern(), key) for target in (exact, truncated))
    assert digest(first) == "23208b43366862ad"
    assert digest(second) == "60ccf2bc22524cad"
    difference = first.int() - second.int()
    assert int((difference == 1).sum()) == 1015
    assert int((difference != 0).sum()) == 1015
    assert torch.equal(exact.decrypt(first, key), pattern())
    with pytest.raises(NotInvertible, match="truncation"):
        truncated.decrypt(second, key)


def test_pe_truncation_lowers_159_complemented_values() -> None:
    target = PE(variant="ito")
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    key = key_of(target, (1, 16, 16), negative=np.ones((1, 16, 16)))
    out = target.encrypt(every, key).flatten()
    assert int(out[65]) == 189
    assert int((out.int() != 255 - torch.arange(256)).sum()) == 159
    kept = key_of(target, (1, 16, 16), negative=np.zeros((1, 16, 16)))
    assert torch.equal(target.encrypt(every, kept), every)


def _etc_key(target: PermXorTarget, permutation: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Key:
    i = np.arange(len(permutation))
    return key_of(
        target,
        SHAPE,
        permutation=permutation,
        dihedral=(3 * i + 1) % 8,
        negative=i % 2,
        colour=(i + 2) % 6,
    )


def test_etc_blocks_of_16() -> None:
    key = _etc_key(EtC(), (3 * np.arange(4) + 1) % 4)
    out = EtC().encrypt(pattern(), key)
    assert digest(out) == "d5e3879bc3fe1e66"
    assert pixel(out, 0, 0) == (178, 147, 209)
    assert pixel(out, 31, 31) == (81, 112, 143)


def test_etc_blocks_of_4() -> None:
    target = EtC(block_size=4)
    out = target.encrypt(pattern(), _etc_key(target, (27 * np.arange(64) + 5) % 64))
    assert digest(out) == "a95fd95bf527dde4"
    assert pixel(out, 0, 0) == (74, 43, 105)


def test_etc_gray_of_rgb_components() -> None:
    target, i = EtcGray(color_space="rgb"), np.arange(48)
    moves = {"permutation": (5 * i + 7) % 48, "dihedral": (3 * i + 1) % 8, "negative": i % 2}
    key = key_of(target, SHAPE, **moves)
    out = target.encrypt(pattern(), key)
    assert tuple(out.shape) == (1, 1, 32, 96)
    assert digest(out) == "1e6c4a79e3cb9111"
    assert (pixel(out, 0, 0), pixel(out, 31, 95)) == ((178,), (212,))
    assert torch.equal(target.decrypt(out, key), pattern())


@pytest.mark.parametrize(
    ("variant", "seed", "channel_bug", "expected"),
    [
        ("ito", 0, True, "90c1641ac52b62d5"),
        ("madono", 30, True, "283aca347ace2986"),
        ("madono", 30, False, "0446c4e67e34e6a6"),
    ],
)
def test_etc_published_seeds(variant: str, seed: int, channel_bug: bool, expected: str) -> None:
    target = EtC(variant=variant, legacy_seed=seed, channel_bug=channel_bug, block_size=4)
    key = generate_key(target, SHAPE)
    out = target.encrypt(pattern(), key)
    assert digest(out) == expected
    if channel_bug:
        with pytest.raises(NotInvertible, match="paper"):
            target.decrypt(out, key)
    else:
        assert torch.equal(target.decrypt(out, key), pattern())


def test_etc_published_keys_lose_channels() -> None:
    ito = generate_key(EtC(variant="ito", legacy_seed=0, block_size=4), SHAPE).parts
    assert int((ito["colour"] > 0).sum()) == 50
    assert int((ito["colour"] == 4).sum()) == 11
    assert int(ito["negative"].sum()) == 32
    assert set(ito["dihedral"].tolist()) == {4, 5, 6, 7}
    assert 5 not in ito["colour"]
    madono = generate_key(EtC(variant="madono", legacy_seed=30, block_size=4), SHAPE).parts
    assert int((madono["colour"] > 0).sum()) == 58
    assert madono["permutation"][:5].tolist() == [27, 36, 21, 13, 35]


def test_keyless_complements_and_rotates_the_colours() -> None:
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    out = Keyless().encrypt(image, generate_key(Keyless(), (3, 1, 1)))
    assert out.flatten().tolist() == [255 - 30, 255 - 10, 255 - 20]
    grey = Keyless().encrypt(image[:, :1], generate_key(Keyless(), (1, 1, 1)))
    assert grey.flatten().tolist() == [245]


@pytest.mark.parametrize(
    ("target", "size", "bits"),
    [
        (LE(), 32, 594.3),
        (LE(variant="ito"), 32, 498.3),
        (ELE(), 32, 38329.7),
        (ELE(variant="ito"), 32, 32185.7),
        (ELE(variant="madono"), 32, 32185.7),
        (PE(), 32, 3072),
        (PE(color_shuffle=True), 32, 5719),
        (PE(color_shuffle=True), 224, 280231),
        (EtC(), 32, 30.9),
        (EtC(), 64, 149.6),
        (EtC(), 224, 2505.5),
        (EtC(block_size=4), 32, 717.4),
        (EtcGray(), 32, 394.9),
        (EtcGray(subsampling="420"), 32, 175.0),
        (EtcGray(), 224, 32363.3),
    ],
    ids=repr,
)
def test_key_space(target: PermXorTarget, size: int, bits: float) -> None:
    digits = 0 if bits in (5719, 280231) else 1
    found = target.key_space_bits((3, size, size))
    assert found is not None
    assert round(found, digits) == bits
