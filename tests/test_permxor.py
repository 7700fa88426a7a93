"""The one transformation behind every pixel scheme."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack import permxor
from ppattack.errors import ImageError, NotInvertible
from ppattack.permxor import PermXor, Unit, identity
from tests.support.schemes import noise

SHAPE = (3, 4, 5)
SIZE = 60
UNITS: list[Unit] = ["byte", "nibble"]
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(0, 9)
quick = settings(deadline=None, max_examples=25)


def _random_table(unit: Unit, seed: int, count: int | None = None, size: int = SIZE) -> PermXor:
    rng = np.random.default_rng(seed)
    symbols = size if unit == "byte" else 2 * size
    lead = () if count is None else (count,)
    index = rng.permuted(np.broadcast_to(np.arange(symbols), (*lead, symbols)).copy(), axis=-1)
    high = 256 if unit == "byte" else 16
    return PermXor(index, rng.integers(0, high, index.shape, dtype=np.uint8), unit)


def _slow(table: PermXor, images: torch.Tensor) -> torch.Tensor:
    """One symbol at a time."""
    out = []
    for i, image in enumerate(images.numpy()):
        index, mask = (t if t.ndim == 1 else t[i] for t in (table.index, table.mask))
        flat = image.reshape(-1)
        symbols = flat if table.unit == "byte" else np.concatenate([flat % 16, flat // 16])
        moved = np.array([symbols[j] ^ m for j, m in zip(index, mask, strict=True)], dtype=np.uint8)
        if table.unit == "nibble":
            moved = moved[: len(flat)] + 16 * moved[len(flat) :]
        out.append(moved.reshape(image.shape))
    return torch.from_numpy(np.stack(out)) if out else images.clone()


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("unit", UNITS)
@quick
@given(seed=SEEDS, count=COUNTS)
def test_equals_the_slow_version(unit: Unit, per_image: bool, seed: int, count: int) -> None:
    table = _random_table(unit, seed, count if per_image else None)
    images = noise(count, SHAPE, seed)
    before = images.clone()
    assert torch.equal(table(images), _slow(table, images))
    assert torch.equal(images, before)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 101])
def test_chunks_of_any_length_give_the_same(
    unit: Unit, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, images = _random_table(unit, 0), noise(count, SHAPE)
    whole = table(images)
    for chunk in (1, 3 * SIZE, 10 * SIZE):
        monkeypatch.setattr(permxor, "CPU_CHUNK_BYTES", chunk)
        assert torch.equal(table(images), whole)


@pytest.mark.parametrize("unit", UNITS)
def test_memory_layout_does_not_matter(unit: Unit) -> None:
    for table in (_random_table(unit, 0), identity(SIZE * (1 + (unit == "nibble")), unit)):
        images = noise(6, SHAPE)
        expected = table(images)
        assert torch.equal(table(images.to(memory_format=torch.channels_last)), expected)
        assert torch.equal(table(images.repeat_interleave(2, dim=0)[::2]), expected)
        assert torch.equal(
            table(images.expand(6, *SHAPE).transpose(0, 1).transpose(0, 1)), expected
        )


@pytest.mark.parametrize("count", [None, 4])
@pytest.mark.parametrize("unit", UNITS)
@quick
@given(seed=SEEDS)
def test_the_inverse_undoes(unit: Unit, count: int | None, seed: int) -> None:
    table, images = _random_table(unit, seed, count), noise(4, SHAPE, seed)
    assert table.is_bijective
    assert torch.equal(table.inverse()(table(images)), images)
    assert torch.equal(table(table.inverse()(images)), images)


@pytest.mark.parametrize("counts", [(None, None), (4, None), (None, 4), (4, 4)])
@pytest.mark.parametrize("unit", UNITS)
@quick
@given(seed=SEEDS)
def test_composition_is_one_after_the_other(
    unit: Unit, counts: tuple[int | None, int | None], seed: int
) -> None:
    second, first = (_random_table(unit, seed + i, count) for i, count in enumerate(counts))
    images = noise(4, SHAPE, seed)
    assert torch.equal(second.after(first)(images), second(first(images)))


@pytest.mark.parametrize("count", [None, 4])
@quick
@given(seed=SEEDS)
def test_the_same_over_nibbles(count: int | None, seed: int) -> None:
    table, images = _random_table("byte", seed, count), noise(4, SHAPE, seed)
    halves = table.as_nibbles()
    assert halves.unit == "nibble"
    assert halves.as_nibbles() is halves
    assert torch.equal(halves(images), table(images))


@pytest.mark.parametrize("unit", UNITS)
def test_the_identity(unit: Unit) -> None:
    images = noise(5, SHAPE)
    out = identity(SIZE if unit == "byte" else 2 * SIZE, unit)(images)
    assert torch.equal(out, images)
    assert out.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("unit", UNITS)
def test_a_mask_without_a_permutation(unit: Unit) -> None:
    for count in (None, 4):
        made = _random_table(unit, 3, count)
        still = np.broadcast_to(np.arange(made.symbols), made.index.shape)
        for index in (still, still.copy()):
            table = PermXor(index, made.mask, unit)
            images = noise(4, SHAPE)
            assert torch.equal(table(images), _slow(table, images))
            assert torch.equal(table.inverse()(table(images)), images)


def test_tables_may_be_read_only() -> None:
    table, images = _random_table("byte", 0), noise(2, SHAPE)
    frozen = PermXor(table.index.copy(), table.mask.copy())
    frozen.index.flags.writeable = frozen.mask.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(frozen.inverse()(frozen(images)), images)
        assert torch.equal(frozen(images), table(images))


@pytest.mark.parametrize("count", [None, 3])
def test_a_lost_symbol_has_no_inverse(count: int | None) -> None:
    table = _random_table("byte", 0, count)
    index = table.index.copy()
    index[..., 5] = index[..., 6]
    lossy = PermXor(index, table.mask)
    assert not lossy.is_bijective
    with pytest.raises(NotInvertible, match="paper"):
        lossy.inverse()
    images = noise(3, SHAPE)
    assert torch.equal(lossy(images), _slow(lossy, images))


def test_tables_of_different_shapes_are_refused() -> None:
    with pytest.raises(ImageError, match="one shape"):
        PermXor(np.arange(5), np.zeros(6, np.uint8))
    with pytest.raises(ImageError, match="one shape"):
        PermXor(np.zeros((1, 2, 3), np.intp), np.zeros((1, 2, 3), np.uint8))


@pytest.mark.parametrize("unit", UNITS)
def test_images_of_another_size_or_number_are_refused(unit: Unit) -> None:
    with pytest.raises(ImageError, match="60 bytes"):
        _random_table(unit, 0)(noise(2, (3, 4, 4)))
    with pytest.raises(ImageError, match="for 4 images"):
        _random_table(unit, 0, 4)(noise(3, SHAPE))
    with pytest.raises(ImageError, match="for 4 images"):
        _random_table(unit, 0, 4)(noise(1, SHAPE))


def test_only_tables_of_one_kind_compose() -> None:
    table = _random_table("byte", 0)
    for other in (_random_table("nibble", 0), _random_table("byte", 0, size=40)):
        with pytest.raises(ImageError, match="composed"):
            table.after(other)
    with pytest.raises(ImageError, match="composed"):
        _random_table("byte", 0, 3).after(_random_table("byte", 0, 4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("count", [None, 7])
@pytest.mark.parametrize("unit", UNITS)
def test_a_gpu_gives_the_same(unit: Unit, count: int | None) -> None:
    table, images = _random_table(unit, 0, count), noise(7, SHAPE)
    out = table(images.cuda())
    assert out.is_cuda
    assert torch.equal(out.cpu(), table(images))
    assert torch.equal(table.inverse()(out).cpu(), images)
