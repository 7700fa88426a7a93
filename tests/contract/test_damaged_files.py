"""Damaged files are refused in one line: what failed once, and a few of every kind."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ppattack.data.npz import Npz
from ppattack.data.source import ImageRequest
from ppattack.data.token_files import read_array
from ppattack.errors import ConfigError, DataError, KeyFileError
from ppattack.gates.rules import read_policy
from ppattack.runs.file_encryption import read_key
from ppattack.sweeps.matrix import read_matrix
from tests.support.fuzzing import KINDS, attempt

HEADERS = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4, }",
    "{'descr': '<f4', 'shape': (",
    "{'descr\0': '<f4'}",
    "[" * 3000,
    "",
)


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("latin-1")


@pytest.mark.parametrize("header", HEADERS)
def test_array_headers_that_are_no_python(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.npy").write_bytes(npy(header))
    with pytest.raises(DataError, match=r"a\.npy cannot be read"):
        read_array(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", npy(header))
    with pytest.raises(DataError, match="'images' of .* cannot be read"):
        Npz(str(tmp_path / "a.npz")).load(ImageRequest(1, 1, None))


def test_compressed_arrays_that_do_not_decompress(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.savez_compressed(data, images=np.zeros((9, 9, 9), np.uint8))
    damaged = bytearray(data.getvalue())
    start = damaged.index(b"images.npy") + len("images.npy") + 20
    damaged[start : start + 8] = b"\xff" * 8
    (tmp_path / "a.npz").write_bytes(damaged)
    with pytest.raises(DataError):
        Npz(str(tmp_path / "a.npz")).load(ImageRequest(1, 1, None))


def test_an_archive_that_unpacks_to_gigabytes_is_not_hashed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy(HEADERS[0]))
        archive.infolist()[0].file_size = 1 << 33
    assert Npz(str(tmp_path / "a.npz")).fingerprint(labels=True) is None


@pytest.mark.parametrize("value", ["[" * 3000, "9" * 20_000])
def test_toml_that_python_cannot_hold(tmp_path: Path, value: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(f"x = {value}")
    with pytest.raises(ConfigError, match="TOML"):
        read_policy(path)
    with pytest.raises(DataError, match="TOML"):
        read_matrix(str(path), {})


def test_key_parts_that_do_not_fit_warn_of_nothing(tmp_path: Path) -> None:
    part = {"dtype": "uint8", "shape": [2], "data": [1e300, float("nan")]}
    document = {
        "key_file_version": 1,
        "scheme": "le",
        "image_shape": [3, 8, 8],
        "count": None,
        "parts": {"mask": part},
    }
    (tmp_path / "key").write_text(json.dumps(document))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyFileError, match="does not fit into uint8"):
            read_key(tmp_path / "key")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    few = 2 if kind in ("gate", "card", "page", "decrypt") else 40
    found = [attempt(kind, number, tmp_path) for number in range(few)]
    assert [each for each in found if each is not None] == []
