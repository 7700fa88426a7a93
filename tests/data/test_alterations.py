"""Altered copies: what each alteration does, and that originals stay as they are."""

from __future__ import annotations

import typing

import pytest
import torch

from ppattack.data.alterations import DIRECTIONS, Alteration, altered, brighter, shifted
from tests.support.photographs import real_pairs

NAMES: tuple[Alteration, ...] = typing.get_args(Alteration)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("how", NAMES)
@pytest.mark.parametrize("shape", [(8, 3, 32, 32), (8, 1, 20, 28)])
def test_copies_are_images_of_the_same_kind_and_originals_stay(
    how: Alteration, shape: tuple[int, ...]
) -> None:
    images = torch.randint(0, 256, shape, generator=stream(), dtype=torch.uint8)
    before = images.clone()
    copies = altered(images, how, stream(1))
    assert copies.shape == images.shape
    assert copies.dtype == torch.uint8
    assert torch.equal(images, before)
    assert copies.data_ptr() != images.data_ptr()
    assert torch.equal(copies, images) == (how == "none")
    assert torch.equal(copies, altered(images, how, stream(1)))


def test_a_shift_repeats_the_border() -> None:
    image = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3)
    assert shifted(image, 1, 0)[0, 0].tolist() == [[3, 4, 5], [6, 7, 8], [6, 7, 8]]
    assert shifted(image, 0, -1)[0, 0].tolist() == [[0, 0, 1], [3, 3, 4], [6, 6, 7]]
    inner = shifted(shifted(image, 1, 1), -1, -1)[0, 0, 1:, 1:]
    assert torch.equal(inner, image[0, 0, 1:, 1:])


def test_a_gain_is_rounded_and_cut() -> None:
    image = torch.tensor([0, 1, 100, 250], dtype=torch.uint8).reshape(1, 1, 2, 2)
    assert brighter(image, 1.1).flatten().tolist() == [0, 1, 110, 255]


def test_an_altered_photograph_is_nearer_to_its_original_than_to_any_other() -> None:
    images, _ = real_pairs(32, 24)
    images = images[[i for i in range(24) if i % 7 != 4]]
    for how in NAMES:
        copies = altered(images, how, stream()).float()
        distance = torch.cdist(copies.flatten(1), images.float().flatten(1))
        assert torch.equal(distance.argmin(dim=1), torch.arange(len(images))), how


def test_a_mixture_holds_exact_copies_and_each_direction() -> None:
    image = torch.randint(0, 256, (1, 3, 8, 8), generator=stream(), dtype=torch.uint8)
    many = altered(image.repeat(600, 1, 1, 1), "mixed", stream(2))
    found = {bytes(copy.numpy()) for copy in many}
    assert bytes(image[0].numpy()) in found
    for down, right in DIRECTIONS:
        assert bytes(shifted(image, down, right)[0].numpy()) in found
