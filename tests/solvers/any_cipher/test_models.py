"""Models of undescribed ciphers: what they are made of, and that they claim nothing on noise."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from ppattack.context import SilentProgress
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest
from ppattack.maps import Rows, Running, Shuffle, Tables, combined
from ppattack.solvers.any_cipher import ModelName, chains
from ppattack.solvers.any_cipher.fit import Fit, Pairs
from ppattack.solvers.any_cipher.gf2 import difference_planes, eliminated, planes_needed
from ppattack.solvers.any_cipher.linear import linear
from ppattack.solvers.any_cipher.models import NAMES, try_models
from ppattack.solvers.any_cipher.moved_blocks import echelon
from ppattack.solvers.any_cipher.permutation import BYTES, permutation
from ppattack.solvers.any_cipher.plan import chosen_images
from ppattack.solvers.any_cipher.signatures import Matched, as_numbers, matched, signatures
from ppattack.solvers.any_cipher.tables import own_tables, patterns
from tests.support.natural import natural_images

RNG = np.random.default_rng(11)


def noise(count: int, size: int) -> Rows:
    return RNG.integers(0, 256, (count, size), dtype=np.uint8)


def photographs(count: int, size: int = 12) -> Rows:
    return natural_images(count, size).numpy().reshape(count, -1)


def pairs(plain: Rows, cipher: Rows, shape: tuple[int, int, int] = (3, 12, 12)) -> Pairs:
    return Pairs(plain, cipher, cipher[:0], shape, shape)


def test_the_names_are_those_of_the_setting() -> None:
    assert ("auto", *NAMES) == get_args(ModelName)


@pytest.mark.parametrize("combine", ["xor", "add"])
@pytest.mark.parametrize("count", [5, 40])
def test_signatures_drop_masks_and_keep_sums(combine: str, count: int) -> None:
    one, other, mask = noise(count, 50), noise(count, 50), noise(1, 50)
    found = signatures(one, combine)  # type: ignore[arg-type]
    masked = combined(one, mask, combine)  # type: ignore[arg-type]
    assert np.array_equal(found, signatures(masked, combine))  # type: ignore[arg-type]
    total = combined(one, other, combine)  # type: ignore[arg-type]
    parts = combined(found, signatures(other, combine), combine)  # type: ignore[arg-type]
    assert np.array_equal(signatures(total, combine), parts)  # type: ignore[arg-type]
    assert len(np.unique(as_numbers(found))) == 50


def test_matches_are_counted_one_to_one() -> None:
    theirs = np.array([1, 1, 2, 3], np.uint64)
    assert matched(theirs[::-1], theirs, 256, 3).share == 1.0
    assert matched(np.array([1, 1, 1, 1], np.uint64), theirs, 256, 3).share == 0.5
    assert matched(np.array([1, 9, 9, 9], np.uint64), theirs, 256, 3).share == 0.25
    assert not matched(theirs, theirs, 2, 1).proves


def test_scans_are_orders_and_each_is_there_once() -> None:
    for shape in ((3, 4, 5), (1, 4, 4), (1, 1, 7)):
        found = chains.scans(shape)
        assert all(np.array_equal(np.sort(scan), np.arange(scan.size)) for scan in found)
        assert len({scan.tobytes() for scan in found}) == len(found)
    snake = np.array([0, 1, 2, 5, 4, 3, 6, 7, 8])
    assert any(np.array_equal(scan, snake) for scan in chains.scans((1, 3, 3)))


def test_elimination_solves_and_says_what_is_left() -> None:
    left = RNG.integers(0, 2, (40, 21), dtype=np.uint8)
    wanted = RNG.integers(0, 2, (21, 70), dtype=np.uint8)
    right = (left.astype(int) @ wanted % 2).astype(np.uint8)
    solved = eliminated(np.concatenate([left, right], axis=1), 21)
    assert solved is not None
    assert np.array_equal(solved[0], wanted)
    assert not solved[1].any()
    right[5] ^= 1
    disagreeing = eliminated(np.concatenate([left, right], axis=1), 21)
    assert disagreeing is None or disagreeing[1].any()
    left[:, 20] = left[:, 3]
    assert eliminated(np.concatenate([left, right], axis=1), 21) is None


def test_echelon_forms_are_those_of_all_products() -> None:
    given = RNG.integers(0, 256, (200, 6, 3), dtype=np.uint8)
    low, high = RNG.integers(0, 256, (2, 3, 3))
    factor = ((np.tril(low, -1) + np.eye(3)) @ (np.triu(high, 1) + np.eye(3))).astype(int)
    product = (given.astype(int) @ factor % 256).astype(np.uint8)
    (ours, sure), (theirs, known) = echelon(product), echelon(given)
    assert np.array_equal(sure, known)
    assert 0.75 < sure.mean() < 1
    assert np.array_equal(ours[sure], theirs[known])
    assert len(np.unique(theirs[known].reshape(known.sum(), -1), axis=0)) == known.sum()


def test_patterns_are_those_of_equal_values() -> None:
    rows = noise(30, 20) % 7
    table = RNG.permutation(256).astype(np.uint8)
    assert np.array_equal(patterns(rows), patterns(table[rows]))
    assert len(np.unique(patterns(rows))) == 20


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 9, 14), (3, 8, 8)])
def test_chosen_images_hold_what_they_promise(shape: tuple[int, int, int]) -> None:
    size = int(np.prod(shape))
    assert np.array_equal(chosen_images(shape, 4), chosen_images(shape, 4))
    first = chosen_images(shape, 1).reshape(shape[0], -1)
    if shape[0] == 3:
        assert len(np.unique(first, axis=1).T) == first.shape[1]
    for combine in ("xor", "add"):
        found = as_numbers(signatures(chosen_images(shape, 4), combine))
        assert len(np.unique(found)) == size
    bits = np.unpackbits(chosen_images(shape, 15), axis=1)
    assert len(np.unique(bits[1:] ^ bits[0], axis=1).T) == 8 * size
    if size < 200:
        every = chosen_images(shape, 258)
        assert all(len(np.unique(column)) == 256 for column in every.T)
        assert len(np.unique(patterns(every))) == size
    least = planes_needed(size)
    if least < 258:
        assert eliminated(difference_planes(chosen_images(shape, least)), size) is not None


def test_counts_tell_values_apart() -> None:
    rows = chosen_images((3, 32, 32), 4)
    counts = np.stack([np.bincount(row, minlength=256) for row in rows[1:3]], axis=1)
    assert len(np.unique(counts, axis=0)) == 256


def fitted(plain: Rows, cipher: Rows) -> Fit:
    found = try_models(pairs(plain, cipher), NAMES, SilentProgress()).fit
    assert found is not None
    made = found.map(pairs(plain, cipher)).apply
    assert made is not None
    rows = plain
    for step in found.steps:
        rows = step.apply(rows)
    assert np.array_equal(rows, cipher)
    return found


def test_chains_on_either_side_and_twice() -> None:
    plain = photographs(10)
    size = plain.shape[1]
    order, mask = RNG.permutation(size), noise(1, size)[0]
    scan = chains.scans((3, 12, 12))[6]
    moved = Shuffle(order, mask).apply(plain)
    for steps in (
        (Running(scan, "add"),),
        (Running(scan, "sub"),),
        (Running(scan, "xor", "back"),),
        (Running(scan, "xor"), Running(scan[::-1], "xor")),
    ):
        cipher = moved
        for step in steps:
            cipher = step.apply(cipher)
        assert "permutation of bytes" in fitted(plain, cipher).model
    assert (
        "permutation"
        in fitted(plain, Shuffle(order, mask).apply(Running(scan, "xor").apply(plain))).model
    )


def test_a_secret_scan_is_followed() -> None:
    plain = photographs(12)
    cipher = Running(RNG.permutation(432)).apply(plain) ^ noise(1, 432)
    assert "XOR chaining" in fitted(plain, cipher).model


def test_one_table_under_masks() -> None:
    plain = photographs(80)
    table, order = RNG.permutation(256).astype(np.uint8), RNG.permutation(432)
    after = table[plain[:, order]] ^ noise(1, 432)
    before = table[plain[:, order] + noise(1, 432)]
    for cipher in (after, before):
        found = own_tables(pairs(plain, cipher))
        assert found is not None
        assert found.model == "one table under masks, and a permutation"
        fresh = photographs(100)[80:]
        step = found.steps[0]
        assert isinstance(step, Tables)
        assert np.array_equal(step.index, order)
        assert (step.invert(step.apply(fresh)) == fresh).all()


@pytest.mark.parametrize("count", [1, 3, 8])
def test_nothing_is_claimed_of_noise(count: int) -> None:
    plain, images = photographs(count), chosen_images((3, 12, 12), count)
    for given in (plain, images):
        assert try_models(pairs(given, noise(count, 432)), NAMES, SilentProgress()).fit is None


def test_constant_images_prove_nothing() -> None:
    flat = np.full((6, 432), 7, np.uint8)
    found = permutation(pairs(flat, flat ^ noise(1, 432)), BYTES)
    assert found is None or found.certain == 0.0
    assert try_models(pairs(flat, noise(6, 432)), NAMES, SilentProgress()).fit is None


@pytest.mark.parametrize("count", [8, 40])
def test_images_that_are_alike_prove_no_linear_map(count: int) -> None:
    """Their mean explains nearly all of them, whatever the ciphertexts are."""
    plain = (photographs(1) // 2 + noise(count, 432) // 8).astype(np.uint8)
    assert linear(pairs(plain, noise(count, 432))) is None


@pytest.mark.parametrize("draw", [113, 991])
def test_photographs_of_like_colours_prove_no_matrix_of_pixels(draw: int) -> None:
    """Their mean colour alone explains half of their variance: two draws that were claimed once."""
    pool = Photos().load(ImageRequest(5000, 500, 16, 0)).victims
    chosen = np.random.default_rng(draw).choice(5000, 24, replace=False)[16:]
    plain = pool[chosen].numpy().reshape(8, -1)
    assert linear(pairs(plain, noise(8, 768), (3, 16, 16))) is None


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_tiny_images_prove_nothing(count: int) -> None:
    """Few bytes fit many models by chance, in one of many forms."""
    for _ in range(12):
        given = pairs(noise(count, 16), noise(count, 16), (1, 4, 4))
        assert try_models(given, NAMES, SilentProgress()).fit is None


def test_matches_prove_as_much_as_there_are_symbols() -> None:
    """.9 to the power of the symbols, 1,000 times tried, must be below 1e-6."""
    assert not Matched(1.0, 0.9, 190).proves
    assert Matched(1.0, 0.9, 200).proves
    assert not Matched(1.0, 0.91, 10_000).proves
    assert not Matched(0.98, 0.0, 10_000).proves


def test_many_pairs_are_no_number_too_large() -> None:
    found = matched(np.arange(9, dtype=np.uint64), np.arange(9, dtype=np.uint64), 256, 5_000)
    assert found.proves
