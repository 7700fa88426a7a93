"""Sub-block EtC: exact ciphertexts, and how little the published keys hold."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from ppattack.errors import ConfigError
from targets.etc_sub import PUBLISHED_TURNS, EtcSub, _from_chaos
from tests.support.schemes import digest, generate_key, key_of, noise, pattern, pixel


@pytest.mark.parametrize(
    ("size", "edge", "part", "keys", "expected"),
    [
        (32, 16, 8, "common", "e9447a258a937890"),
        (32, 16, 8, "independent", "5f3ff3d19067d1ea"),
        (32, 8, 4, "common", "23823600c088f60c"),
        (32, 8, 4, "independent", "1d6a316bf656ee09"),
        (224, 16, 8, "common", "cc2d052e68470a5e"),
        (224, 16, 8, "independent", "06503411509e5d2b"),
        (224, 14, 7, "common", "92915729f2d89ecb"),
        (224, 14, 7, "independent", "0057451fdc59f6bb"),
    ],
)
def test_stated_keys(size: int, edge: int, part: int, keys: str, expected: str) -> None:
    target = EtcSub(block_size=edge, sub_block_size=part, keys=keys)
    count, per = (size // edge) ** 2, (edge // part) ** 2
    i = np.arange(count)[:, None] if keys == "independent" else np.zeros((1, 1), int)
    j = np.arange(per)[None]
    turned = np.vectorize(lambda turn, flip: PUBLISHED_TURNS[turn, flip])
    parts = {
        "permutation": ((2 * i + 1) * j + i) % per,
        "dihedral": turned((3 * i + j) % 4, 1 + (i + j) % 2),
        "negative": (i + 2 * j) % 2,
        "colour": (i + j + 2) % 6,
    }
    if keys == "common":
        parts = {name: each[0] for name, each in parts.items()}
    out = target.encrypt(pattern(size), key_of(target, (3, size, size), **parts))
    assert digest(out) == expected


def test_a_key_that_was_published_with_its_code() -> None:
    target = EtcSub()
    key = key_of(
        target,
        (3, 224, 224),
        permutation=np.array([0, 2, 3, 1]),
        dihedral=np.array([PUBLISHED_TURNS[pair] for pair in ((0, 1), (2, 2), (2, 2), (2, 2))]),
        negative=np.array([0, 0, 1, 1]),
        colour=np.array([4, 0, 3, 4]),
    )
    out = target.encrypt(pattern(224), key)
    assert digest(out) == "4f56805cbeb56ab9"
    assert pixel(out, 0, 0) == (111, 49, 80)


def test_published_keys_hold_seven_bits_and_two_elements() -> None:
    counts: Counter[bytes] = Counter()
    turns = set()
    for seed in range(3000):
        parts = _from_chaos(seed, 1, 4)
        turns |= set(parts["dihedral"].ravel().tolist())
        counts[b"".join(part.astype(np.uint8).tobytes() for part in parts.values())] += 1
    share = np.array(sorted(counts.values(), reverse=True)) / 3000
    assert turns == {5, 6}
    assert share[0] == pytest.approx(0.073, abs=0.015)
    assert share[:100].sum() == pytest.approx(0.85, abs=0.03)
    assert float(-(share * np.log2(share)).sum()) < 6.9


def test_neighbouring_blocks_of_the_code_share_their_numbers() -> None:
    rows = _from_chaos(7, 5, 4)["permutation"]
    for before, after in itertools.pairwise(rows):
        order, other = np.argsort(before), np.argsort(after)
        assert (np.argsort(order[1:]) == np.argsort(other[:-1])).all()


def test_the_other_scheme_moves_blocks_and_turns_their_parts_in_place() -> None:
    target = EtcSub(variant="iib-cpe", block_size=8, sub_block_size=4, keys="independent")
    shape = 3, 16, 24
    image, key = noise(1, shape), generate_key(target, shape, 3)
    assert (key.parts["permutation"] == np.arange(4)).all()
    assert (key.parts["negative"] == key.parts["negative"][:, :1]).all()
    assert (key.parts["colour"] == key.parts["colour"][:, :1]).all()
    out = target.encrypt(image, key)
    for i, source in enumerate(key.parts["blocks"].tolist()):
        (row, column), (top, left) = divmod(i, 3), divmod(source, 3)
        for y in (0, 4):
            for x in (0, 4):
                found = out[
                    0, :, row * 8 + y : row * 8 + y + 4, column * 8 + x : column * 8 + x + 4
                ]
                whole = image[0, :, top * 8 + y : top * 8 + y + 4, left * 8 + x : left * 8 + x + 4]
                folded = [
                    (each.double() - 127.5).abs().flatten().sort().values for each in (found, whole)
                ]
                assert (folded[0] == folded[1]).all()


def test_blocks_are_made_of_several_sub_blocks() -> None:
    for settings in ({"sub_block_size": 16}, {"sub_block_size": 5}):
        with pytest.raises(ConfigError, match="not made of several sub-blocks"):
            EtcSub(**settings)
    assert EtcSub().key_space_bits((3, 224, 224)) == pytest.approx(30.9, abs=0.1)
    independent = EtcSub(keys="independent").key_space_bits((3, 224, 224))
    assert independent == pytest.approx(196 * 30.92, rel=1e-3)
    assert EtcSub().structure().kind == "shared-block"
    assert EtcSub(keys="independent").structure().kind == "blocks-dihedral"
