"""Block order and the dihedral and colour tables."""

from __future__ import annotations

import numpy as np
import pytest

from ppattack import blocks


def test_blocks_are_numbered_row_by_row() -> None:
    image = np.arange(3 * 4 * 6).reshape(3, 4, 6)
    parts = blocks.split(image, 2)
    assert parts.shape == (6, 3, 2, 2)
    assert np.array_equal(parts[4], image[:, 2:4, 2:4])


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_merge_undoes_split(lead: tuple[int, ...]) -> None:
    image = np.arange(np.prod((*lead, 3, 8, 12))).reshape(*lead, 3, 8, 12)
    assert np.array_equal(blocks.merge(blocks.split(image, 4), 8, 12), image)


def test_dihedral_elements_of_a_small_block() -> None:
    table = blocks.dihedral_table(2)
    block = np.array(list("abcd"))
    turned = ["".join(block[row]) for row in table]
    assert turned == ["abcd", "bdac", "dcba", "cadb", "badc", "acbd", "cdab", "dbca"]


@pytest.mark.parametrize("block", [1, 2, 5, 16])
def test_dihedral_inverses(block: int) -> None:
    table = blocks.dihedral_table(block)
    content = np.random.default_rng(0).permutation(block * block)
    for element, inverse in enumerate(blocks.DIHEDRAL_INVERSES):
        assert np.array_equal(content[table[element]][table[inverse]], content)


def test_colour_inverses() -> None:
    colours = np.array(list("RGB"))
    names = {"".join(colours[order]) for order in blocks.COLOUR_ORDERS}
    assert len(names) == 6
    for code, inverse in enumerate(blocks.COLOUR_INVERSES):
        back = colours[blocks.COLOUR_ORDERS[code]][blocks.COLOUR_ORDERS[inverse]]
        assert "".join(back) == "RGB"


def test_byte_numbers_are_addresses() -> None:
    image = np.random.default_rng(0).permutation(3 * 8 * 4).reshape(3, 8, 4)
    numbers = blocks.byte_numbers((3, 8, 4), 4)
    assert numbers.shape == (2, 16, 3)
    assert image.reshape(-1)[numbers[1, 6, 2]] == image[2, 5, 2]


def test_nibble_numbers_put_low_halves_first_and_channels_fastest() -> None:
    numbers = blocks.nibble_numbers((3, 4, 4), 2)
    assert numbers.shape == (4, 24)
    plane = 16
    assert numbers[0, :6].tolist() == [0, plane, 2 * plane, 1, plane + 1, 2 * plane + 1]
    assert np.array_equal(numbers[:, 12:], numbers[:, :12] + 48)
    assert np.array_equal(np.sort(numbers.reshape(-1)), np.arange(96))


def test_place_brings_a_table_to_memory_order() -> None:
    numbers = blocks.byte_numbers((3, 4, 6), 2)
    values = np.stack([numbers, numbers[::-1]])
    placed = blocks.place(values, numbers)
    assert np.array_equal(placed[0], np.arange(72))
    assert np.array_equal(np.sort(placed[1]), np.arange(72))
    assert not np.array_equal(placed[1], np.arange(72))
