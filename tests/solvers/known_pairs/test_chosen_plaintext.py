from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.errors import ImageError
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.known_pairs.chosen_plaintext import digit_images, images_needed, read_key
from ppattack.solvers.known_pairs.symbols import explained, padded, partial_inverse
from tests.support.schemes import noise

UNITS = st.sampled_from(["byte", "nibble"])
SHAPES = st.tuples(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9))


def random_table(symbols: int, unit: Unit, seed: int, *, lossy: bool = False) -> PermXor:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, symbols, symbols) if lossy else rng.permutation(symbols)
    mask = rng.integers(0, 256 if unit == "byte" else 16, symbols, dtype=np.uint8)
    return PermXor(index, mask, unit)


@given(SHAPES, UNITS, st.integers(0, 2**32 - 1), st.booleans())
@settings(deadline=None, max_examples=60)
def test_any_table_is_read_exactly(
    shape: tuple[int, int, int], unit: Unit, seed: int, lossy: bool
) -> None:
    symbols = int(np.prod(shape)) * (1 + (unit == "nibble"))
    table = random_table(symbols, unit, seed, lossy=lossy)
    images = digit_images(shape, unit)
    read = read_key(table(images), unit)
    assert np.array_equal(read.key.index, table.index)
    assert np.array_equal(read.key.mask, table.mask)
    assert read.impossible == 0.0
    assert explained(read.key, images, table(images)) == 1.0


@given(SHAPES, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_nibbles_serve_a_scheme_over_bytes(shape: tuple[int, int, int], seed: int) -> None:
    table = random_table(int(np.prod(shape)), "byte", seed)
    read = read_key(table(digit_images(shape, "nibble")), "nibble")
    assert np.array_equal(read.key.index, table.as_nibbles().index)
    assert np.array_equal(read.key.mask, table.as_nibbles().mask)


@given(SHAPES, UNITS, st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_padding_is_decrypted_exactly(
    shape: tuple[int, int, int], unit: Unit, multiple: int, seed: int
) -> None:
    channels, height, width = shape
    size = (channels, height + -height % multiple, width + -width % multiple)
    table = random_table(int(np.prod(size)) * (1 + (unit == "nibble")), unit, seed)
    frame = torch.zeros((1, *size), dtype=torch.uint8)
    digits = digit_images(size, unit)[:, :, :height, :width]
    read = read_key(table(padded(digits, frame)), unit)
    plain = noise(3, shape, seed)
    found = partial_inverse(read.key, size)(table(padded(plain, frame)))
    assert torch.equal(found[:, :, :height, :width], plain)
    assert np.array_equal(read.key.mask, table.mask)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "unit", "count"),
    [
        ((3, 32, 32), "byte", 3),
        ((3, 32, 32), "nibble", 5),
        ((3, 224, 224), "byte", 4),
        ((3, 224, 224), "nibble", 6),
        ((3, 418, 418), "nibble", 6),
        ((3, 419, 419), "nibble", 7),
        ((1, 8, 16), "byte", 2),
        ((1, 1, 1), "byte", 2),
    ],
)
def test_images_needed(shape: tuple[int, int, int], unit: Unit, count: int) -> None:
    assert images_needed(shape, unit) == count
    images = digit_images(shape, unit)
    assert tuple(images.shape) == (count, *shape)
    assert not images[0].any()
    assert len({tuple(column) for column in images[1:].reshape(count - 1, -1).T.tolist()}) == (
        np.prod(shape)
    )


def test_answers_of_something_else_are_impossible() -> None:
    read = read_key(noise(3, (3, 32, 32)), "byte")
    assert read.impossible > 0.5
    assert read.key.index.max() < 3072


def test_answers_of_another_number_are_refused() -> None:
    for count in (2, 4):
        with pytest.raises(ImageError, match="answers to the chosen plaintexts, not 3"):
            read_key(noise(count, (3, 32, 32)), "byte")


@given(SHAPES, st.integers(0, 100), st.integers(4, 155), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_digits_keep_to_the_levels_given(
    shape: tuple[int, int, int], first: int, count: int, seed: int
) -> None:
    levels = range(first, first + count)
    table = random_table(int(np.prod(shape)), "byte", seed)
    images = digit_images(shape, "byte", levels)
    assert images.min() >= first
    assert images.max() < first + count
    read = read_key(table(images), "byte", levels)
    assert np.array_equal(read.key.index, table.index)
    assert np.array_equal(read.key.mask, table.mask)


@given(SHAPES, UNITS, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_partial_inverse_is_the_inverse_of_a_permutation(
    shape: tuple[int, int, int], unit: Unit, seed: int
) -> None:
    table = random_table(int(np.prod(shape)) * (1 + (unit == "nibble")), unit, seed)
    undo, exact = partial_inverse(table, shape), table.inverse()
    assert np.array_equal(undo.index, exact.index)
    assert np.array_equal(undo.mask, exact.mask)


def test_lost_symbols_come_from_the_nearest_channel_then_from_the_next_pixel() -> None:
    # Four grey pixels in each of three channels; channel 0 of pixel 0, channels 1 and 2 of
    # pixel 1 and all of pixel 2 are lost.
    index = np.array([4, 1, 4, 3, 4, 1, 1, 7, 8, 8, 8, 11])
    mask = np.arange(12, dtype=np.uint8)
    plain = torch.arange(100, 112, dtype=torch.uint8).reshape(1, 3, 2, 2)
    table = PermXor(index, mask)
    found = partial_inverse(table, (3, 2, 2))(table(plain)).reshape(3, 4).tolist()
    assert found[0] == [104, 101, 103, 103]
    assert found[1] == [104, 101, 107, 107]
    assert found[2] == [108, 101, 111, 111]
