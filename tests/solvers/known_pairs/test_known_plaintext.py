from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics.keys import key_agreement
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.known_pairs.known_plaintext import match_key, pair_up
from ppattack.solvers.known_pairs.symbols import explained, padded, partial_inverse
from ppattack.target import PermXorTarget
from ppattack.target.structure import Structure
from targets.ele import ELE
from targets.etc import EtC
from targets.le import LE
from targets.pe import PE
from tests.conftest import smooth_images
from tests.support.schemes import PAPER, PUBLISHED, generate_key, noise

SEEDS = st.integers(0, 2**32 - 1)
SCHEMES = st.sampled_from([*PAPER, *PUBLISHED])


def dull_images(count: int, size: int, seed: int) -> Tensor:
    """Images of few levels with flat areas: much that cannot be told apart."""
    images = smooth_images(count, size, seed=seed)
    return (images // 64 * 64).clamp(max=128)


@given(SEEDS, st.sampled_from(["byte", "nibble"]), st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=30)
def test_a_random_signed_permutation_is_recovered(seed: int, unit: Unit, channels: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (channels, 8, 8)
    symbols = channels * 64 * (1 + (unit == "nibble"))
    top = 255 if unit == "byte" else 15
    mask = (rng.integers(0, 2, symbols) * top).astype(np.uint8)
    table = PermXor(rng.permutation(symbols), mask, unit)
    plain = noise(12, shape, seed)
    match = match_key(plain, table(plain), Structure("any", unit))
    assert key_agreement(match.key, table).exact
    assert match.certain == 1.0


@given(SCHEMES, SEEDS, st.integers(1, 3), st.sampled_from([16, 17]), st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_key_explains_the_pairs_however_few_and_dull(
    target: PermXorTarget, seed: int, count: int, size: int, dull: bool
) -> None:
    make = dull_images if dull else smooth_images
    plain = make(count, size, seed=seed % 1000)
    key = generate_key(target, (3, size, size), seed)
    ciphertexts = target.encrypt(plain, key)
    match = match_key(plain, ciphertexts, target.structure())
    assert explained(match.key, plain, ciphertexts) == 1.0
    agreement = key_agreement(match.key, target.permxor(key))
    assert min(agreement.index, agreement.mask) >= match.certain - 1e-12


@pytest.mark.long
@given(SEEDS)
@settings(deadline=None, max_examples=15)
def test_images_that_differ_everywhere_give_every_key_away(seed: int) -> None:
    plain = noise(12, (3, 16, 16), seed)
    for target in (*PAPER, *PUBLISHED):
        key = generate_key(target, (3, 16, 16), seed)
        match = match_key(plain, target.encrypt(plain, key), target.structure())
        exact = key_agreement(match.key, target.permxor(key)).exact
        assert exact or target.size_multiple == 3
        assert match.certain == 1.0 or target.size_multiple == 3


@pytest.mark.parametrize("target", [LE(), ELE(), PE(color_shuffle=True), EtC(block_size=4)])
def test_padded_images_are_decrypted_exactly(target: PermXorTarget) -> None:
    plain = noise(6, (3, 15, 14), 0)
    key = generate_key(target, (3, 15, 14))
    match = match_key(plain, target.encrypt(plain, key), target.structure())
    other = noise(2, (3, 15, 14), 1)
    ciphertexts = target.encrypt(other, key)
    undo = partial_inverse(match.key, target.padded_shape((3, 15, 14)))
    assert torch.equal(undo(ciphertexts)[:, :, :15, :14], other)


def test_structure_needs_fewer_pairs() -> None:
    plain = noise(1, (3, 16, 16))
    for target in (LE(), EtC(block_size=4)):
        key = generate_key(target, (3, 16, 16))
        ciphertexts = target.encrypt(plain, key)
        wise = match_key(plain, ciphertexts, target.structure())
        blind = match_key(plain, ciphertexts, Structure("any", target.structure().unit))
        assert key_agreement(wise.key, target.permxor(key)).exact
        assert key_agreement(blind.key, target.permxor(key)).index < 0.7
        assert blind.certain < 0.7 < wise.certain


def test_a_scheme_that_shares_a_permutation_and_moves_blocks() -> None:
    shuffled = ELE()
    key = generate_key(shuffled, (3, 16, 16))
    parts = {
        "blocks": key.parts["blocks"],
        "permutations": np.tile(key.parts["permutations"][:1], (16, 1)),
        "negatives": np.tile(key.parts["negatives"][:1], (16, 1)),
    }
    same = type(key)(key.scheme, key.image_shape, parts)
    plain = noise(8, (3, 16, 16))
    structure = Structure("shared-block", "nibble", 4, moves_blocks=True)
    match = match_key(plain, shuffled.encrypt(plain, same), structure)
    assert key_agreement(match.key, shuffled.permxor(same)).exact


def test_pixel_wise_keys_survive_truncation() -> None:
    target = PE(variant="ito")
    key = generate_key(target, (3, 16, 16))
    plain = noise(3, (3, 16, 16))
    match = match_key(plain, target.encrypt(plain, key), target.structure())
    assert key_agreement(match.key, target.permxor(key)).exact


def test_pair_up_by_hand() -> None:
    partner, certain = pair_up(np.array([5, 7, 7, 9, 4]), np.array([7, 5, 8, 7, 9]))
    assert partner.tolist() == [1, 0, 3, 4, 2]
    assert certain.tolist() == [True, False, False, True, False]


def test_ciphertexts_of_something_else_explain_nothing() -> None:
    plain, other = noise(4, (3, 16, 16), 0), noise(4, (3, 16, 16), 1)
    for target in (LE(), ELE(), EtC(block_size=4)):
        match = match_key(plain, other, target.structure())
        assert match.certain < 0.01
        assert explained(match.key, plain, other) < 0.3
        assert sorted(match.key.index) == list(range(match.key.symbols))


@pytest.mark.parametrize(
    ("plain", "ciphertexts", "words"),
    [
        (noise(2, (3, 8, 8)), noise(3, (3, 8, 8)), "one ciphertext"),
        (noise(2, (1, 8, 8)), noise(2, (3, 8, 8)), "same channels"),
        (noise(2, (3, 9, 8)), noise(2, (3, 8, 8)), "no smaller"),
        (noise(2, (3, 6, 6)), noise(2, (3, 6, 6)), "6x6 pixels have no blocks of 4"),
        (noise(0, (3, 8, 8)), noise(0, (3, 8, 8)), "one ciphertext"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(plain: Any, ciphertexts: Any, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        match_key(plain, ciphertexts, Structure("blocks", "nibble", 4, moves_blocks=True))


def test_padding_repeats_the_border() -> None:
    plain = noise(2, (3, 5, 6))
    frame = torch.zeros((2, 3, 8, 8), dtype=torch.uint8)
    expected = np.pad(plain.numpy(), ((0, 0), (0, 0), (0, 3), (0, 2)), mode="edge")
    assert np.array_equal(padded(plain, frame).numpy(), expected)
