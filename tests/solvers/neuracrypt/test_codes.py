"""Codes that are read a few at a time are the same codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ppattack.context import Context
from ppattack.data.token_files import TokenFiles
from ppattack.errors import DataError
from ppattack.seeding import torch_stream
from ppattack.solvers.neuracrypt import codes as codes_module
from ppattack.solvers.neuracrypt import own_keys
from ppattack.solvers.neuracrypt.codes import Codes
from ppattack.solvers.neuracrypt.features import energies
from ppattack.solvers.neuracrypt.landmarks import similarities
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, expected
from ppattack.solvers.neuracrypt.unshuffle import in_order, patch_orders
from targets.neuracrypt import NeuraCrypt


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_stream(seed, "test"))


def _orders(count: int, places: int, seed: int = 0) -> Tensor:
    return torch.rand((count, places), generator=torch_stream(seed, "order")).argsort(dim=1)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 400), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_rearranged_codes_are_those_of_a_copy(
    count: int, places: int, batch: int, seed: int
) -> None:
    vectors = _normal(count, places, 3, seed=seed)
    first, second = _orders(count, places, seed), _orders(count, places, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes_module, "BATCH_BYTES", batch)
        codes = Codes.of(vectors).rearranged(first).rearranged(second)
        copied = in_order(in_order(vectors, first), second)
        assert torch.equal(codes.whole(), copied)
        assert torch.equal(codes[torch.arange(count).flip(0)], copied.flip(0))
        torch.testing.assert_close(codes.mean(), copied.mean(dim=0))
        place = second[0]
        assert torch.equal(codes.with_places(place).whole(), copied[:, place])
        torch.testing.assert_close(energies(codes), energies(copied), rtol=1e-4, atol=1e-4)


def test_files_are_read_when_asked_for(tmp_path: Path) -> None:
    vectors = _normal(7, 4, 5)
    files = [tmp_path / f"{i}.npy" for i in range(7)]
    for file, vector in zip(files, vectors, strict=True):
        np.save(file, vector.numpy())
    source = TokenFiles(files)
    assert source.shape == (7, 4, 5)
    assert source.size_bytes == 7 * 4 * 5 * 4
    codes = Codes(source)
    assert torch.equal(codes.whole(), vectors)
    assert torch.equal(codes[torch.tensor([3, 0])], vectors[[3, 0]])
    chosen = torch.tensor([2, 5])
    torch.testing.assert_close(similarities(codes, chosen), similarities(vectors, chosen))
    assert torch.equal(patch_orders(codes), patch_orders(vectors))
    np.save(files[3], np.zeros((4, 6), np.float32))
    with pytest.raises(DataError, match=r"3\.npy \(4, 6\) does not have the shape"):
        codes.whole()
    with pytest.raises(DataError, match=r"1 of 7 NPY files cannot be used: 3\.npy \(4, 6\)"):
        TokenFiles(files)
    files[2].write_bytes(b"x")
    with pytest.raises(DataError, match=r"2\.npy cannot be read"):
        TokenFiles(files)
    with pytest.raises(DataError, match=r"2\.npy cannot be read"):
        source[2:3]


@pytest.mark.parametrize("mode", ["frozen", "batch"])
def test_expectations_of_codes_that_memory_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    target = NeuraCrypt(variant="small", hidden=32, batch_norm=mode, batch_size=24)
    own = OwnEncoders(target, (1, 16, 16), Context(torch.device("cpu"), seed=3))
    images, landmarks = _normal(24, 1, 16, 16), torch.tensor([4, 0, 17])
    held = expected(own, images, 2, landmarks)
    monkeypatch.setattr(own_keys, "HELD_BYTES", 1)
    passed = expected(own, images, 2, landmarks)
    torch.testing.assert_close(passed.energies, held.energies, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(passed.similarities, held.similarities, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(own_keys, "CENTRE_IMAGES", 12)
    near = expected(own, images, 2, landmarks)
    assert torch.corrcoef(torch.stack([near.energies.flatten(), held.energies.flatten()]))[0, 1] > (
        0.9 if mode == "frozen" else 0.8
    )
