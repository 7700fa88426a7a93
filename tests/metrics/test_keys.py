"""Key agreement of perfect, useless and half-right recoveries, across units and scopes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.errors import ImageError
from ppattack.metrics.keys import KeyAgreement, high_nibble_agreement, key_agreement
from ppattack.permxor import PermXor, Unit, identity


def random_key(seed: int, symbols: int, unit: Unit = "byte", count: int | None = None) -> PermXor:
    rng = np.random.default_rng(seed)
    rows = count or 1
    index = np.stack([rng.permutation(symbols) for _ in range(rows)])
    top = 256 if unit == "byte" else 16
    mask = rng.integers(0, top, (rows, symbols), dtype=np.uint8)
    return PermXor(index, mask, unit) if count else PermXor(index[0], mask[0], unit)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), count=st.none() | st.integers(1, 3))
def test_the_true_key_agrees_in_every_writing(seed: int, count: int | None) -> None:
    key = random_key(seed, 48, count=count)
    perfect = KeyAgreement(1.0, 1.0, exact=True)
    assert key_agreement(key, key) == perfect
    assert key_agreement(key.as_nibbles(), key) == perfect
    assert key_agreement(key, key.as_nibbles()) == perfect


def test_a_guess_agrees_as_often_as_chance() -> None:
    found = key_agreement(random_key(1, 3072, count=20), random_key(2, 3072, count=20))
    assert found.index == pytest.approx(1 / 3072, abs=3e-4)
    assert found.mask == pytest.approx(1 / 256, abs=1e-3)
    assert not found.exact
    nibbles = key_agreement(random_key(1, 6144, "nibble"), random_key(2, 6144, "nibble"))
    assert nibbles.mask == pytest.approx(1 / 16, abs=0.02)


def test_parts_are_counted_apart() -> None:
    key = identity(8)
    swapped = PermXor(np.array([1, 0, 2, 3, 4, 5, 6, 7]), key.mask)
    masked = PermXor(key.index, np.array([0, 0, 0, 0, 0, 0, 0, 0x10], np.uint8))
    assert key_agreement(swapped, key) == KeyAgreement(0.75, 1.0, exact=False)
    assert key_agreement(masked, key) == KeyAgreement(1.0, 0.875, exact=False)
    assert key_agreement(masked.as_nibbles(), key) == KeyAgreement(1.0, 0.9375, exact=False)


def test_one_table_is_compared_with_each_image() -> None:
    keys = random_key(3, 16, count=4)
    first = PermXor(keys.index[0], keys.mask[0])
    for found in (key_agreement(first, keys), key_agreement(keys, first)):
        assert 0.25 <= found.index < 0.75
        assert not found.exact


@pytest.mark.parametrize(
    "wrong",
    [identity(9), identity(16, "nibble").after(identity(16, "nibble")), random_key(0, 8, count=3)],
)
def test_keys_for_other_images_are_refused(wrong: PermXor) -> None:
    true = (
        random_key(0, 8, count=2) if wrong.count else identity(9 if wrong.unit == "nibble" else 8)
    )
    with pytest.raises(ImageError, match="both must be for the same images"):
        key_agreement(wrong, true)


def test_high_nibbles_are_counted_wherever_the_scheme_puts_them() -> None:
    places = np.array([4, 1, 6, 3, 0, 5, 2, 7])  # sources 4 to 7 are high nibbles
    true = PermXor(places, np.zeros(8, np.uint8), "nibble")
    low_wrong = PermXor(np.array([4, 3, 6, 1, 2, 5, 0, 7]), true.mask, "nibble")
    assert key_agreement(low_wrong, true).index == 0.5
    assert high_nibble_agreement(low_wrong, true).exact
    high_wrong = PermXor(np.array([6, 1, 4, 3, 0, 5, 2, 7]), true.mask, "nibble")
    assert high_nibble_agreement(high_wrong, true).index == 0.5
    assert high_nibble_agreement(identity(4), identity(4)).exact
