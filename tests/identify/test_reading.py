"""What is read of a folder, what is named as odd, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.errors import DataError
from ppattack.identify import reading
from ppattack.identify.foreign import odd_files
from ppattack.identify.sample import Sample
from ppattack.runs.identifying import identify
from tests.support.folders_of_ciphertexts import encrypted, pads, photographs, write_folder


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "npy"])
def test_lossless_files_are_read_as_they_are(kind: str, tmp_path: Path) -> None:
    write_folder(tmp_path, pads(3), kind)
    read = reading.read(tmp_path)
    assert np.array_equal(read.arrays, pads(3))
    assert (read.total, read.foreign, read.jpeg) == (3, (), None)


def test_arrays_with_channels_last_and_grey_ones(tmp_path: Path) -> None:
    for name, array in (("last", pads(1)[0].transpose(1, 2, 0)), ("grey", pads(1)[0, 0])):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", array)
        read = reading.read(tmp_path / name)
        assert read.pixels == ((3, 32, 32) if name == "last" else (1, 32, 32))


def test_headers_of_jpeg_files(tmp_path: Path) -> None:
    write_folder(tmp_path, photographs()[:2], "jpg", quality=80, subsampling=0)
    read = reading.read(tmp_path)
    assert str(read.jpeg) == "80:444"


def test_many_files_are_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FILES_AT_MOST", 5)
    write_folder(tmp_path, pads(23))
    read = reading.read(tmp_path)
    assert read.total == 23
    assert read.names == ("00000.png", "00004.png", "00009.png", "00013.png", "00018.png")


def test_large_images_are_fewer_and_cropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EDGE_AT_MOST", 16)
    monkeypatch.setattr(reading, "PIXELS_AT_MOST", 3 * 16 * 16)
    write_folder(tmp_path, pads(6))
    read = reading.read(tmp_path)
    assert len(read.names) == 3
    assert read.cropped
    assert read.pixels == (3, 32, 32)
    assert np.array_equal(read.arrays, pads(6)[::2, :, :16, :16])


def test_files_of_another_kind_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, pads(10))
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    write_folder(tmp_path / "other", pads(1, 40))
    (tmp_path / "other" / "00000.png").rename(tmp_path / "zz.png")
    read = reading.read(tmp_path)
    assert len(read.names) == 10
    reasons = dict(read.foreign)
    assert reasons["zz.png"] == "is 40x40 RGB"
    assert "not a PNG" in reasons["broken.png"]


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ("etc", "is smooth as a photograph"),
        ("pe", "is smooth as a photograph"),
        ("ele", "is smooth as a photograph"),
    ],
)
def test_photographs_among_ciphertexts(others: str, kind: str) -> None:
    settings: dict[str, Any] = {"block_size": 4} if others == "etc" else {}
    images = encrypted(others, **settings)
    images[5] = photographs()[5]
    _, odd = odd_files(Sample(images))
    wanted = "is a photograph without the seams of the others" if others == "etc" else kind
    assert odd == [(5, wanted)]


def test_noise_among_ciphertexts_and_ciphertexts_among_noise() -> None:
    images = encrypted("pe")
    images[3] = pads(1)[0]
    assert odd_files(Sample(images))[1] == [(3, "looks like noise")]
    images = pads()
    images[3] = encrypted("pe")[3]
    assert [number for number, _ in odd_files(Sample(images))[1]] == [3]


@pytest.mark.parametrize("scheme", ["pe", "le", "ele", "etc", "plain", "vit-blocks"])
def test_nothing_is_odd_in_a_folder_of_one_kind(scheme: str) -> None:
    images = photographs() if scheme == "plain" else encrypted(scheme)
    assert odd_files(Sample(images))[1] == []


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        reading.read(tmp_path / "nowhere")
    (tmp_path / "note.txt").write_text("text")
    with pytest.raises(DataError, match="holds no image or NPY files"):
        reading.read(tmp_path)
    write_folder(tmp_path, pads(2, 6))
    with pytest.raises(DataError, match="8 px or more"):
        reading.read(tmp_path)
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 2, 2)))
    with pytest.raises(DataError, match="neither bytes nor codes"):
        reading.read(tmp_path)


def test_mixed_sizes_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, pads(2))
    write_folder(tmp_path / "b", pads(2, 16))
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / f"b{path.name}")
    with pytest.raises(DataError, match=r"2 of 4 files.* is 16x16 RGB.* the others are 32x32 RGB"):
        reading.read(tmp_path)


def test_public_images_among_the_files_are_named(tmp_path: Path) -> None:
    images = encrypted("pe")
    images[4] = photographs()[9]
    write_folder(tmp_path / "files", images)
    write_folder(tmp_path / "public", photographs())
    found = identify(tmp_path / "files", tmp_path / "public")
    assert [(odd.name, odd.why) for odd in found.foreign] == [
        ("00004.png", "is the public image 00009.png, unchanged")
    ]
    assert found.scheme == "pe"
    assert identify(tmp_path / "public", tmp_path / "public").scheme == "plain"
