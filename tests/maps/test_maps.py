"""Maps of ciphers: every step is undone, survives a file, and is refused if it is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.errors import ImageError
from ppattack.maps import (
    Affine,
    BlockLinear,
    BlockModular,
    CipherMap,
    MaskedTable,
    Running,
    Shuffle,
    Step,
    Tables,
)
from ppattack.permxor import PermXor

SHAPE = (3, 4, 6)
SIZE = 72
RNG = np.random.default_rng(3)
IMAGES = torch.from_numpy(RNG.integers(0, 256, (5, *SHAPE), dtype=np.uint8))


def masked(count: int, top: int) -> tuple[Any, Any]:
    return RNG.permutation(count), RNG.integers(0, top, count, dtype=np.uint8)


def affine(count: int) -> Affine:
    """A random product of row operations, and the product of their inverses."""
    forth, back = np.eye(count, dtype=np.uint8), np.eye(count, dtype=np.uint8)
    for one, other in RNG.integers(0, count, (4 * count, 2)):
        if one != other:
            forth[one] ^= forth[other]
            back[:, other] ^= back[:, one]
    offset = RNG.integers(0, 256, SIZE, dtype=np.uint8)
    return Affine(np.packbits(forth, axis=1), np.packbits(back, axis=1), offset)


def tables(count: int) -> Tables:
    made = RNG.random((count, 256)).argsort(axis=1).astype(np.uint8)
    return Tables(RNG.permutation(SIZE), made)


STEPS: list[Step] = [
    Shuffle(*masked(SIZE, 256)),
    Shuffle(*masked(SIZE, 256), combine="add"),
    Shuffle(*masked(SIZE, 256), combine="sub"),
    Shuffle(*masked(2 * SIZE, 16), symbol="nibble"),
    Shuffle(*masked(8 * SIZE, 2), symbol="bit"),
    tables(1),
    tables(SIZE),
    *(
        Running(RNG.permutation(SIZE), combine, direction)
        for combine in ("xor", "add", "sub")
        for direction in ("forth", "back")
    ),
    affine(SIZE),
    affine(8 * SIZE),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_a_step_is_undone_and_changes_nearly_everything(step: Step) -> None:
    found = CipherMap(SHAPE, SHAPE, (step,))
    before = IMAGES.clone()
    made = found.apply(IMAGES)
    assert (made == IMAGES).float().mean() < 0.2
    assert found.invert(made).equal(IMAGES)
    assert found.apply(found.invert(IMAGES)).equal(IMAGES)
    assert before.equal(IMAGES)


def test_all_steps_in_a_row_survive_their_arrays() -> None:
    found = CipherMap(SHAPE, (1, 12, 6), tuple(STEPS))
    read = CipherMap.from_arrays(found.arrays())
    assert read.cipher_shape == (1, 12, 6)
    assert read.apply(IMAGES).equal(found.apply(IMAGES))
    assert read.invert(found.apply(IMAGES)).equal(IMAGES)


def test_steps_by_hand() -> None:
    rows = np.array([[1, 2, 250, 7]], np.uint8)
    order = np.array([3, 2, 1, 0])

    def made(step: Step) -> list[int]:
        return list(map(int, step.apply(rows)[0]))

    assert made(Shuffle(order, np.array([1, 0, 0, 0], np.uint8))) == [6, 250, 2, 1]
    assert made(Shuffle(order, np.full(4, 6, np.uint8), combine="add")) == [13, 0, 8, 7]
    assert made(Running(np.arange(4), "xor")) == [1, 3, 249, 254]
    assert made(Running(np.arange(4), "add")) == [1, 3, 253, 4]
    assert made(Running(np.arange(4), "sub")) == [1, 1, 249, 14]
    assert made(Running(order, "add")) == [4, 3, 1, 7]
    assert made(Running(np.arange(4), "add", "back")) == [1, 1, 248, 13]
    swapped = np.packbits(np.eye(4, dtype=np.uint8)[[1, 0, 3, 2]], axis=1)
    assert made(Affine(swapped, swapped, np.array([0, 0, 0, 1], np.uint8))) == [2, 1, 7, 251]


def test_symbols_are_numbered_as_in_permxor() -> None:
    for unit, count in (("byte", SIZE), ("nibble", 2 * SIZE)):
        key = PermXor(*masked(count, 16), unit)  # type: ignore[arg-type]
        step = Shuffle(key.index, key.mask, key.unit)
        assert CipherMap(SHAPE, SHAPE, (step,)).apply(IMAGES).equal(key(IMAGES))


def test_linear_blocks() -> None:
    numbers = RNG.permutation(SIZE)[:70].reshape(7, 10)
    turn = np.linalg.qr(RNG.normal(size=(7, 10, 10)))[0]
    offset = np.full((7, 10), 127.5) - turn @ np.full(10, 127.5)
    back = np.full((7, 10), 127.5) - turn.swapaxes(1, 2) @ np.full(10, 127.5)
    step = BlockLinear(numbers, turn, offset, turn.swapaxes(1, 2), back)
    found = CipherMap(SHAPE, SHAPE, (step,))
    grey = IMAGES // 4 + 96  # nothing is clipped
    made = found.apply(grey)
    outside = np.setdiff1d(np.arange(SIZE), numbers)
    assert (made.reshape(5, -1)[:, outside] == grey.reshape(5, -1)[:, outside]).all()
    assert (made != grey).float().mean() > 0.8
    assert (found.invert(made).int() - grey.int()).abs().max() <= 2
    assert CipherMap.from_arrays(found.arrays()).apply(grey).equal(made)


def test_blocks_modulo_256() -> None:
    matrix = np.array([[3, 2], [5, 7]], np.uint8)
    inverse = np.array([[7, 254], [251, 3]], np.uint8) * np.uint8(pow(11, -1, 256))
    numbers = np.array([[0, 3], [1, 2]])
    offset = np.array([[0, 0], [10, 0]], np.uint8)
    step = BlockModular(numbers, matrix, offset, inverse)
    rows = np.array([[1, 2, 250, 7]], np.uint8)
    # 3*1 + 2*7, 3*2 + 2*250 + 10, 5*2 + 7*250, 5*1 + 7*7
    assert step.apply(rows).tolist() == [[17, 516 % 256, 1760 % 256, 54]]
    assert step.invert(step.apply(rows)).tolist() == rows.tolist()
    step.check(4)
    with pytest.raises(ImageError, match="does not undo"):
        BlockModular(numbers, matrix, offset, matrix).check(4)
    with pytest.raises(ImageError, match="do not lie in an image of 3 bytes"):
        step.check(3)


@pytest.mark.parametrize(
    "step",
    [
        Shuffle(np.zeros(SIZE, int), np.zeros(SIZE, np.uint8)),
        Shuffle(np.arange(SIZE), np.zeros(SIZE)),  # type: ignore[arg-type]
        Shuffle(np.arange(2 * SIZE), np.zeros(2 * SIZE, np.uint8), "nibble", "add"),
        Tables(np.arange(SIZE), np.zeros((1, 256), np.uint8)),
        Running(np.arange(SIZE - 1)),
        Affine(*(np.zeros((9, 2), np.uint8),) * 2, np.zeros(SIZE, np.uint8)),
        BlockLinear(np.zeros((2, 2), int), *(np.zeros((1, 2, 2)), np.zeros((1, 2))) * 2),
    ],
    ids=lambda step: step.kind,
)
def test_what_is_no_step_is_refused(step: Step) -> None:
    with pytest.raises(ImageError):
        CipherMap(SHAPE, SHAPE, (step,))


def test_what_is_no_map_is_refused() -> None:
    good = CipherMap(SHAPE, SHAPE, (STEPS[0],)).arrays()
    for bad in (
        {name: array for name, array in good.items() if name != "shapes"},
        {name: array for name, array in good.items() if "index" not in name},
        {**good, "1 nonsense/index": good["0 shuffle/index"]},
        {**good, "0 shuffle/symbol": np.array(7)},
        {**good, "x": np.array(7)},
    ):
        with pytest.raises(ImageError):
            CipherMap.from_arrays(bad)
    with pytest.raises(ImageError, match="as many bytes"):
        CipherMap(SHAPE, (3, 4, 5), ())
    with pytest.raises(ImageError, match="not"):
        CipherMap(SHAPE, SHAPE, ()).apply(IMAGES[:, :1])


def masked_table(**changes: Any) -> MaskedTable:
    """Levels 0 to 255 become 999 down to 744 at two of four bytes; all are divided by 999."""
    arrays = {
        "masked": np.array([True, False, False, True]),
        "table": 999 - np.arange(256),
        "scale": np.array(999),
    }
    return MaskedTable(**{**arrays, **changes})


def test_a_masked_table_by_hand() -> None:
    rows = np.array([[0, 7, 255, 249], [255, 0, 1, 2]], np.uint8)
    made = masked_table().apply(rows)
    assert made.dtype == np.float32
    wanted = np.array([[999, 7, 255, 750], [744, 0, 1, 997]]) / 999
    assert made == pytest.approx(wanted, rel=1e-6)
    assert np.array_equal(masked_table().invert(made), rows)
    read = CipherMap.from_arrays(CipherMap((1, 2, 2), (1, 2, 2), (masked_table(),)).arrays())
    assert np.array_equal(read.steps[0].invert(made), rows)


def test_numbers_of_a_masked_table_that_are_not_known() -> None:
    table = np.where(np.arange(256) == 7, -1, np.arange(256) + 300)
    step = masked_table(table=table)
    with pytest.raises(ImageError, match="does not hold"):
        step.apply(np.array([[7, 0, 0, 0]], np.uint8))
    assert step.apply(np.array([[0, 7, 7, 0]], np.uint8))[0, 1] == np.float32(7 / 999)
    numbers = np.array([[307, 7, 400, 999], [300, 5000, -3, np.nan]], np.float32)
    made = step.invert((numbers / 999).astype(np.float32))
    assert made.tolist() == [[128, 7, 255, 128], [0, 255, 0, 128]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"masked": np.ones(3, bool)}, "mask"),
        ({"masked": np.ones(4, np.uint8)}, "mask"),
        ({"table": np.zeros(256, int)}, "twice"),
        ({"table": np.arange(255)}, "table"),
        ({"table": np.arange(256) - 2}, "twice"),
        ({"scale": np.array(0)}, "scale"),
        ({"scale": np.array([1, 2])}, "scale"),
        ({"scale": np.array(1.5)}, "scale"),
    ],
)
def test_what_is_no_masked_table_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ImageError, match=words):
        CipherMap((1, 2, 2), (1, 2, 2), (masked_table(**changes),))
