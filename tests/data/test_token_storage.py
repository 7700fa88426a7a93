from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ppattack.data import token_storage
from ppattack.errors import DataError
from ppattack.seeding import numpy_stream
from targets.color_neuracrypt import ColorNeuraCrypt
from targets.neuracrypt import NeuraCrypt
from tests.conftest import smooth_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go; ciphertexts above 1,000 bytes are large."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(token_storage, "IN_MEMORY_BYTES", 1000)
    return tmp_path


@pytest.mark.parametrize("target", [NeuraCrypt(variant="small"), ColorNeuraCrypt(variant="small")])
def test_large_ciphertexts_are_the_same_ones(
    target: NeuraCrypt | ColorNeuraCrypt, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    images = smooth_images(5)
    key = target.generate_key(numpy_stream(0), (3, 16, 16))
    made: list[int] = []
    from_file = torch.from_file

    def counted(*given: Any, **named: Any) -> Tensor:
        made.append(named["size"])
        return from_file(*given, **named)

    monkeypatch.setattr(torch, "from_file", counted)
    mapped = target.encrypt(images, key)
    assert made == [mapped.numel()]
    monkeypatch.setattr(token_storage, "IN_MEMORY_BYTES", 1 << 20)
    assert torch.equal(target.encrypt(images, key), mapped)
    assert len(made) == 1
    assert list(folder.iterdir()) == []
    assert torch.equal(mapped[1:3].clone(), mapped[1:3])


def test_small_tensors_stay_in_memory(folder: Path) -> None:
    assert token_storage.empty_tokens((0, 4, 8)).shape == (0, 4, 8)
    assert token_storage.empty_tokens((5, 5, 10)).dtype == torch.float32
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def full(descriptor: int, size_bytes: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_storage, "_reserve", full)
    with pytest.raises(DataError, match=r"no room for 0\.0 GiB .*No space left.*TMPDIR"):
        token_storage.empty_tokens((100, 100))
    assert list(folder.iterdir()) == []
