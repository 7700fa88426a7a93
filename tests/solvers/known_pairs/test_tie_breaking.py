from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.metrics.keys import key_agreement
from ppattack.permxor import PermXor
from ppattack.solvers.known_pairs.known_plaintext import match_key
from ppattack.solvers.known_pairs.symbols import explained
from ppattack.solvers.known_pairs.tie_breaking import break_ties
from ppattack.target import PermXorTarget
from ppattack.target.structure import Structure
from targets.ele import ELE
from targets.etc import EtC
from tests.conftest import smooth_images
from tests.support.schemes import generate_key, noise


@pytest.mark.parametrize(
    ("target", "structure", "pairs", "step"),
    [
        (ELE(), ELE().structure(), 4, 1),
        (ELE(), Structure("any", "nibble"), 4, 1),
        (EtC(block_size=4), Structure("any", "byte"), 3, 16),
    ],
)
def test_ciphertexts_tell_apart_what_pairs_do_not(
    target: PermXorTarget, structure: Structure, pairs: int, step: int
) -> None:
    images = smooth_images(pairs + 300, 16)
    images[:pairs] = images[:pairs] // step * step
    key = generate_key(target, (3, 16, 16))
    ciphertexts = target.encrypt(images, key)
    known = images[:pairs], ciphertexts[:pairs]
    match = match_key(*known, structure)
    before = key_agreement(match.key, target.permxor(key)).index
    first = (known[0][:1], known[1][:1])
    found = break_ties(match.key, match.ties, first, ciphertexts[pairs:])
    assert explained(found, *known) == 1.0
    wrong = 1 - key_agreement(found, target.permxor(key)).index
    assert before < 0.99
    assert wrong < 0.2 * (1 - before)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([8, 10]))
@settings(deadline=None, max_examples=25)
def test_the_key_stays_a_permutation_that_explains_the_pairs(
    seed: int, pairs: int, size: int
) -> None:
    target = ELE()
    images = smooth_images(pairs, size, seed=seed % 1000) // 32 * 32
    key = generate_key(target, (3, size, size), seed)
    ciphertexts = target.encrypt(images, key)
    match = match_key(images, ciphertexts, target.structure())
    other = noise(5, (3, *ciphertexts.shape[2:]), seed)
    found = break_ties(match.key, match.ties, (images[:1], ciphertexts[:1]), other)
    assert sorted(found.index) == list(range(found.symbols))
    assert explained(found, images, ciphertexts) == 1.0
    tied = np.concatenate([*match.ties, np.zeros(0, np.int64)]).astype(np.int64)
    others = np.setdiff1d(np.arange(found.symbols), tied)
    assert np.array_equal(found.index[others], match.key.index[others])


def test_two_neighbours_by_hand() -> None:
    # Row 0 1 2 3 of one channel; symbols 1 and 2 tied, ciphertext 2 complemented.
    key = PermXor(np.array([0, 1, 2, 3]), np.array([0, 0, 255, 0], np.uint8))
    plain = torch.tensor([[[[9, 60, 60, 200]]]], dtype=torch.uint8)
    cipher = torch.tensor([[[[9, 60, 195, 200]]]], dtype=torch.uint8)
    rising = torch.tensor([[[[0, 200, 205, 255]]]], dtype=torch.uint8)  # plain 0 50 200 255
    swapped = break_ties(key, [np.array([1, 2])], (plain, cipher), rising)
    assert swapped.index.tolist() == [0, 2, 1, 3]
    assert swapped.mask.tolist() == [0, 0, 255, 0]
    straight = torch.tensor([[[[0, 50, 55, 255]]]], dtype=torch.uint8)
    kept = break_ties(key, [np.array([1, 2])], (plain, cipher), straight)
    assert kept.index.tolist() == [0, 1, 2, 3]


def test_without_ties_or_ciphertexts_the_key_stays() -> None:
    key = PermXor(np.array([0, 1]), np.zeros(2, np.uint8))
    image = torch.zeros((1, 1, 1, 2), dtype=torch.uint8)
    assert break_ties(key, (), (image, image), image) is key
    assert break_ties(key, [np.array([0, 1])], (image, image), image[:0]) is key
