from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.solvers.folding.feature_reconstruction import (
    NeighbourRule,
    Tie,
    advanced,
    fold,
    helper_image,
    same_key,
)

pytestmark = pytest.mark.long

Array = NDArray[np.uint8]
RULES: tuple[NeighbourRule, ...] = get_args(NeighbourRule)
TIES: tuple[Tie, ...] = get_args(Tie)
ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def images_like(shape: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Array]:
    return arrays(np.uint8, shape)


SHAPES = st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))


def pe(images: Array, bits: Array, codes: Array | None) -> Array:
    """Pixel-wise encryption, written out: complement, then reorder the channels of a pixel."""
    turned = np.where(bits, 255 - images, images).astype(np.uint8)
    if codes is None:
        return turned
    out = turned.copy()
    for row, column in np.ndindex(codes.shape):
        order = list(ORDERS[codes[row, column]])
        out[:, :, row, column] = turned[:, order, row, column]
    return out


def one_by_one(
    image: Array, first: Array, shuffle: bool, rule: NeighbourRule, tie: Tie
) -> NDArray[np.int64]:
    """The greedy reconstruction of one image, candidate by candidate."""
    channels, height, width = image.shape
    orders = ORDERS if shuffle and channels == 3 else (tuple(range(channels)),)
    out = np.zeros(image.shape, dtype=np.int64)
    for row, column in np.ndindex(height, width):
        around = [
            (row, column - 1),
            (row - 1, column - 1),
            (row - 1, column),
            (row - 1, column + 1),
        ]
        if rule == "up":
            around = [(row - 1, column)] if row else [(0, column - 1)]
        inside = [(r, c) for r, c in around if r >= 0 and 0 <= c < width]
        seen = [out[:, r, c] for r, c in inside] or [first.astype(np.int64)]
        best, found = np.inf, image[:, row, column].astype(np.int64)
        for order in orders if tie == "first" else reversed(orders):
            for flips in itertools.product([False, True], repeat=channels):
                pixel = [int(image[source, row, column]) for source in order]
                candidate = np.array(
                    [255 - v if f else v for v, f in zip(pixel, flips, strict=True)]
                )
                cost = sum(int(np.abs(candidate - other).sum()) for other in seen)
                if cost < best:
                    best, found = cost, candidate
        out[:, row, column] = found
    return out


def grey(rows: list[list[int]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.uint8)[None, None]


def colours(*pixels: tuple[int, int, int]) -> Tensor:
    """One row of pixels, ``(1, 3, 1, W)``."""
    return torch.tensor(pixels, dtype=torch.uint8).T[None, :, None]


def test_fold_by_hand() -> None:
    ciphertext = grey([[0, 127, 128, 255], [1, 200, 254, 90]])
    assert fold(ciphertext).tolist() == [[[[0, 127, 127, 0], [1, 55, 1, 90]]]]
    assert fold(ciphertext, bright=True).tolist() == [
        [[[255, 128, 128, 255], [254, 200, 254, 165]]]
    ]


@settings(deadline=None)
@given(st.data())
def test_fold_does_not_see_complements(data: st.DataObject) -> None:
    plain = data.draw(images_like(SHAPES))
    bits = data.draw(arrays(np.bool_, plain.shape))
    ciphertexts = torch.from_numpy(pe(plain, bits, None))
    for bright in (False, True):
        assert torch.equal(
            fold(ciphertexts, bright=bright), fold(torch.from_numpy(plain), bright=bright)
        )


def test_advanced_follows_the_neighbour_by_hand() -> None:
    # Seed 40: 200 -> 55; beside 55: 10 stays; below 55: 165 -> 90; below 10: 250 -> 5.
    ciphertext = grey([[200, 10], [165, 250]])
    found = advanced(ciphertext, torch.tensor([[40]], dtype=torch.uint8), color_shuffle=False)
    assert found.tolist() == [[[[55, 10], [90, 5]]]]
    bright = advanced(ciphertext, torch.tensor([[210]], dtype=torch.uint8), color_shuffle=False)
    assert bright.tolist() == [[[[200, 245], [165, 250]]]]


def test_advanced_undoes_a_colour_shuffle_by_hand() -> None:
    # Plain (12, 100, 230), (14, 90, 220); the second channel complemented in the first pixel,
    # the first and third in the second.
    ciphertext = colours((230, 12, 155), (90, 241, 35))
    seed = torch.tensor([[10, 100, 240]], dtype=torch.uint8)
    found = advanced(ciphertext, seed, color_shuffle=True)
    assert torch.equal(found, colours((12, 100, 230), (14, 90, 220)))


def test_ties_between_channel_orders() -> None:
    # Every order of (155, 165, 175) is as far from a grey seed.
    seed = torch.full((1, 3), 200, dtype=torch.uint8)
    ciphertext = colours((155, 165, 175))
    first = advanced(ciphertext, seed, color_shuffle=True, tie="first")
    last = advanced(ciphertext, seed, color_shuffle=True, tie="last")
    assert torch.equal(first, colours((155, 165, 175)))
    assert torch.equal(last, colours((175, 165, 155)))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans(), st.sampled_from(RULES), st.sampled_from(TIES))
def test_advanced_agrees_with_a_slow_loop(
    data: st.DataObject, shuffle: bool, rule: NeighbourRule, tie: Tie
) -> None:
    # Few levels, so that ties are common.
    levels = st.sampled_from([0, 3, 100, 127, 128, 155, 252, 255])
    plain = data.draw(arrays(np.uint8, SHAPES, elements=levels))
    first = data.draw(arrays(np.uint8, plain.shape[:2], elements=levels))
    found = advanced(
        torch.from_numpy(plain),
        torch.from_numpy(first),
        color_shuffle=shuffle,
        reference=rule,
        tie=tie,
    )
    slow = [one_by_one(*pair, shuffle, rule, tie) for pair in zip(plain, first, strict=True)]
    assert np.array_equal(found.numpy(), np.stack(slow))


@settings(deadline=None)
@given(st.data(), st.sampled_from(RULES))
def test_advanced_without_shuffle_is_fold_with_one_choice_a_channel(
    data: st.DataObject, rule: NeighbourRule
) -> None:
    ciphertexts = torch.from_numpy(data.draw(images_like(SHAPES)))
    first = torch.from_numpy(data.draw(arrays(np.uint8, ciphertexts.shape[:2])))
    found = advanced(ciphertexts, first, color_shuffle=False, reference=rule)
    dark = (first <= 127)[:, :, None, None]
    expected = torch.where(dark, fold(ciphertexts), fold(ciphertexts, bright=True))
    assert torch.equal(found, expected)


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_same_key_is_exact(data: st.DataObject, shuffle: bool) -> None:
    plain = data.draw(images_like(SHAPES))
    _, channels, height, width = plain.shape
    bits = data.draw(arrays(np.bool_, (channels, height, width)))
    codes = None
    if shuffle and channels == 3:
        codes = data.draw(arrays(np.uint8, (height, width), elements=st.integers(0, 5)))
    helper = torch.from_numpy(pe(helper_image((channels, height, width)).numpy(), bits, codes))
    ciphertexts = torch.from_numpy(pe(plain, bits, codes))
    key = same_key(helper[0])
    assert torch.equal(key.inverse()(ciphertexts), torch.from_numpy(plain))
    assert torch.equal(key(torch.from_numpy(plain)), ciphertexts)


def test_helper_image_is_one_two_three() -> None:
    assert helper_image((3, 1, 2)).tolist() == [[[[1, 1]], [[2, 2]], [[3, 3]]]]
    assert helper_image((1, 2, 1)).tolist() == [[[[1], [1]]]]


def test_same_key_bears_complements_that_were_truncated() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (3, 8, 8)).astype(np.bool_)
    lost = rng.integers(0, 2, (3, 8, 8))
    plain = helper_image((3, 8, 8))[0].numpy().astype(np.int64)
    helper = np.where(bits, 255 - plain - lost, plain).astype(np.uint8)
    key = same_key(torch.from_numpy(helper))
    assert np.array_equal(key.index, np.arange(3 * 8 * 8))
    assert np.array_equal(key.mask, np.where(bits, 255, 0).reshape(-1))


def test_inputs_stay_as_they_are_and_may_be_views() -> None:
    rng = np.random.default_rng(1)
    storage = torch.from_numpy(rng.integers(0, 256, (2, 6, 5, 3), dtype=np.uint8))
    view = storage.permute(0, 3, 1, 2)
    first = view[:, :, 0, 0]
    before = storage.clone()
    runs: list[Callable[[Tensor], Tensor]] = [
        fold,
        lambda x: advanced(x, first, color_shuffle=True),
        lambda x: same_key(x[0]).inverse()(x),
    ]
    for run in runs:
        assert torch.equal(run(view), run(view.contiguous()))
    assert torch.equal(storage, before)


@pytest.mark.parametrize(
    ("ciphertexts", "first"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, dtype=torch.uint8)),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.uint8)),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.uint8)),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, 3)),
    ],
)
def test_wrong_shapes_and_types_are_refused(ciphertexts: Tensor, first: Tensor) -> None:
    with pytest.raises(ImageError):
        advanced(ciphertexts, first, color_shuffle=False)


@pytest.mark.parametrize("wrong", [torch.zeros(2, 4, 4), np.zeros((1, 1, 2, 2), np.uint8)])
def test_fold_refuses_what_is_not_a_batch_of_images(wrong: Any) -> None:
    with pytest.raises(ImageError):
        fold(wrong)
