"""Block-wise transformation: exact ciphertexts of stated keys and of the authors' code."""

from __future__ import annotations

import numpy as np
import pytest

from targets.block_defence import BlockDefence, Transformation
from tests.support.schemes import digest, generate_key, key_of, noise, pattern, pixel


@pytest.mark.parametrize(
    ("size", "edge", "seed", "kind", "expected", "first"),
    [
        (32, 4, 0, "shf", "3b02ece3bf46b0a4", (109, 77, 89)),
        (32, 4, 0, "np", "589ce8afc76e482e", (255, 31, 193)),
        (32, 4, 42, "shf", "89c8684ca266c38f", (26, 51, 62)),
        (32, 4, 42, "np", "a58f5ea046e3258a", (0, 31, 62)),
        (224, 16, 0, "shf", "0f016852ec3706d7", (44, 36, 168)),
        (224, 16, 0, "np", "7817cdf7f73f398c", (255, 224, 193)),
        (224, 16, 42, "shf", "18e39dfbe2043e01", (40, 205, 181)),
        (224, 16, 42, "np", "ca6139f420c155c2", (0, 31, 193)),
    ],
)
def test_keys_of_the_authors_code(
    size: int, edge: int, seed: int, kind: Transformation, expected: str, first: tuple[int, ...]
) -> None:
    target = BlockDefence(transformation=kind, variant="code", block_size=edge, legacy_seed=seed)
    out = target.encrypt(pattern(size), generate_key(target, (3, size, size)))
    assert (digest(out), pixel(out, 0, 0)) == (expected, first)


@pytest.mark.parametrize(
    ("size", "edge", "shuffled", "complemented"),
    [
        (32, 4, "8af527eb722aa476", "9ead27c5574b3de3"),
        (224, 16, "e7979f774f93cd0c", "a8234aed21f5682f"),
    ],
)
def test_stated_keys(size: int, edge: int, shuffled: str, complemented: str) -> None:
    shape, j = (3, size, size), np.arange(3 * edge**2)
    order, negative = (5 * j + 7) % len(j), j % 3 == 0
    shf = BlockDefence(block_size=edge)
    assert digest(shf.encrypt(pattern(size), key_of(shf, shape, permutation=order))) == shuffled
    flip = BlockDefence(transformation="np", block_size=edge)
    out = flip.encrypt(pattern(size), key_of(flip, shape, negative=negative))
    assert digest(out) == complemented
    both = BlockDefence(transformation="shf-np", block_size=edge)
    made = both.encrypt(pattern(size), key_of(both, shape, permutation=order, negative=negative))
    in_turn = flip.encrypt(
        shf.encrypt(pattern(size), key_of(shf, shape, permutation=order)),
        key_of(flip, shape, negative=negative),
    )
    assert digest(made) == digest(in_turn)


def test_complements_undo_themselves_and_are_half_of_the_bytes() -> None:
    target = BlockDefence(transformation="np")
    image, key = noise(1, (3, 8, 8)), generate_key(target, (3, 8, 8))
    assert (target.encrypt(target.encrypt(image, key), key) == image).all()
    assert int(key.parts["negative"].sum()) == 24
    code = BlockDefence(transformation="np", variant="code", legacy_seed=0)
    assert int(generate_key(code, (3, 8, 8)).parts["negative"].sum()) == 23


def test_key_spaces_and_structures() -> None:
    shape = 3, 32, 32
    assert BlockDefence().key_space_bits(shape) == pytest.approx(202.9, abs=0.1)
    flip = BlockDefence(transformation="np")
    assert flip.key_space_bits(shape) == pytest.approx(44.9, abs=0.1)
    both = BlockDefence(transformation="shf-np")
    assert both.key_space_bits(shape) == pytest.approx(247.8, abs=0.1)
    assert (BlockDefence().structure().kind, BlockDefence().structure().negatives) == (
        "shared-block", False,
    )  # fmt: skip
    assert both.structure().negatives
    assert flip.structure().kind == "pixels"
