from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.data import token_storage
from ppattack.data.token_files import read_ciphertexts, read_token_folder, write_tokens
from ppattack.errors import DataError


def test_what_is_written_is_read_back_by_name(tmp_path: Path) -> None:
    tokens = torch.randn((3, 4, 5), generator=torch.Generator().manual_seed(0))
    for name, rows in zip("bac", tokens, strict=True):
        write_tokens(tmp_path / "sub" / f"{name}.npy", rows)
    (tmp_path / "sub" / "note.txt").write_text("not read")
    found = read_token_folder(tmp_path / "sub")
    assert found.names == ("a.npy", "b.npy", "c.npy")
    assert torch.equal(found.images, tokens[[1, 0, 2]])
    assert torch.equal(read_ciphertexts(tmp_path / "sub", "tokens").images, found.images)
    assert stat.S_IMODE((tmp_path / "sub" / "a.npy").stat().st_mode) == 0o644


def test_large_folders_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", np.full((4, 5), i, np.float64))
    small = read_token_folder(tmp_path).images
    monkeypatch.setattr(token_storage, "IN_MEMORY_BYTES", 0)
    assert torch.equal(read_token_folder(tmp_path).images, small)
    assert small.dtype == torch.float32
    assert small[:, 0, 0].tolist() == [0, 1, 2]


BAD = {
    "an object": (np.array([{}], dtype=object), "cannot be read: Object arrays"),
    "words": (np.array(["a"]), "does not hold an array of numbers"),
    "a single number": (np.float32(1), "does not hold an array of numbers"),
    "not finite": (np.array([[1, np.nan]]), "not finite"),
    "beyond 32 bits": (np.full((4, 5), 1e300), "too large for 32 bits"),
    "another shape": (
        np.zeros((2, 3)),
        r"b\.npy \(2, 3\) does not have the shape of a\.npy \(4, 5\)",
    ),
}


@pytest.mark.parametrize(("array", "message"), BAD.values(), ids=BAD.keys())
def test_files_that_are_refused(tmp_path: Path, array: object, message: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.float32))
    np.save(tmp_path / "b.npy", array, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        read_token_folder(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no array", b"\x93NUMPY", b"PK\x03\x04x"])
def test_files_that_are_no_arrays(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(DataError, match="1 of 1 NPY files cannot be used: a.npy cannot be read"):
        read_token_folder(tmp_path)


def test_cut_off_and_zipped_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 5), np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:-8])
    with pytest.raises(DataError, match="cannot be read"):
        read_token_folder(tmp_path)
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, x=np.zeros(3))
    with pytest.raises(DataError, match="does not hold an array"):
        read_token_folder(tmp_path)


def test_folders_without_arrays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no NPY files"):
        read_token_folder(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        read_token_folder(tmp_path / "nowhere")
