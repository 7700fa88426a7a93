"""What is read of a folder, what is named as odd, and what is refused."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.errors import DataError
from ppattack.identify import reading
from ppattack.identify.foreign import odd_files
from ppattack.identify.mixture import kinds_of, mixture
from ppattack.identify.sample import Sample
from ppattack.runs.identifying import identify
from tests.support.folders_of_ciphertexts import (
    Bytes,
    encrypted,
    identified,
    pads,
    photographs,
    write_folder,
)

GREY = photographs()[:, :1].copy()
HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1000000, 1000000)}"


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


@pytest.mark.parametrize("last", [False, True])
def test_one_array_of_many_images(last: bool, tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", pads(3).transpose(0, 2, 3, 1) if last else pads(3))
    assert np.array_equal(reading.read(tmp_path).arrays, pads(3))


@pytest.mark.parametrize("how", ["float", "levels", "int32", "uint16", "Fortran"])
def test_one_array_of_many_images_of_another_type(how: str, tmp_path: Path) -> None:
    images = pads(3).transpose(0, 2, 3, 1)
    made: dict[str, Any] = {
        "float": (images / 255).astype(np.float32),
        "levels": images.astype(np.float64),
        "int32": images.astype(np.int32),
        "uint16": images.astype(">u2"),
        "Fortran": np.asfortranarray(images),
    }
    np.save(tmp_path / "all.npy", made[how])
    assert np.array_equal(reading.read(tmp_path).arrays, pads(3))


def test_many_images_that_are_no_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", pads(3) / np.float32(127.5) - 1)
    with pytest.raises(DataError, match="values are not whole numbers from 0 to 255"):
        reading.read(tmp_path)


@pytest.mark.parametrize("kind", ["npy", "npz", "tar", "folder of tar files"])
def test_a_file_of_many_images_is_named_itself(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"all.{kind}"
    if kind == "npy":
        np.save(path, pads(3))
    elif kind == "npz":
        np.savez(path, images=pads(3))
    else:
        write_folder(tmp_path / "files", pads(3))
        path = tmp_path / "tars" / "all.tar"
        path.parent.mkdir()
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / "files", "files")
        path = path if kind == "tar" else path.parent
    read = reading.read(path)
    assert np.array_equal(read.arrays, pads(3))
    assert read.total == 3


def test_a_file_of_many_among_others_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, pads(6))
    np.save(tmp_path / "all.npy", pads(3))
    ((name, why),) = reading.read(tmp_path).foreign
    assert name == "all.npy"
    assert why.endswith("many images in one file: look at that file alone")


@pytest.mark.parametrize("scale", [1, 255])
def test_bytes_as_real_numbers(scale: int, tmp_path: Path) -> None:
    for number, image in enumerate(pads(3)):
        np.save(tmp_path / f"{number}.npy", (image / scale).astype(np.float32))
    assert np.array_equal(reading.read(tmp_path).arrays, pads(3))


def test_real_numbers_that_are_no_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", pads(1)[0] / np.float32(2))
    assert not reading.read(tmp_path).is_image


def test_a_folder_of_folders_is_named(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    with pytest.raises(DataError, match="only 1 folder: name a folder"):
        reading.read(tmp_path)


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
    odd = odd_files(Sample(images))
    wanted = "is a photograph without the seams of the others" if others == "etc" else kind
    assert odd == [(5, wanted)]


def test_noise_among_ciphertexts_and_ciphertexts_among_noise() -> None:
    images = encrypted("pe")
    images[3] = pads(1)[0]
    assert odd_files(Sample(images)) == [(3, "looks like noise")]
    images = pads()
    images[3] = encrypted("pe")[3]
    assert [number for number, _ in odd_files(Sample(images))] == [3]


@pytest.mark.parametrize("scheme", ["pe", "le", "ele", "etc", "plain", "vit-blocks"])
def test_nothing_is_odd_in_a_folder_of_one_kind(scheme: str) -> None:
    images = photographs() if scheme == "plain" else encrypted(scheme)
    assert odd_files(Sample(images)) == []


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


def test_grey_and_coloured_files_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, pads(2))
    write_folder(tmp_path / "b", pads(2, 16)[:, :1])
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / f"b{path.name}")
    with pytest.raises(DataError, match=r"2 of 4 files.* is 16x16 grey.* the others are 32x32 RGB"):
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


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"", "cannot be read: No data left in file"),
        (b"\x93NUMPY\x01\x00v\x00" + HEADER.ljust(117) + b"\n", "cannot be read: Unable to alloc"),
        (np.zeros((3, 0, 5), np.uint8), "neither bytes nor codes"),
        ({"x": np.zeros(3)}, "does not hold an array of numbers"),
    ],
    ids=["empty", "huge", "nothing", "archive"],
)
def test_damaged_arrays_are_refused(tmp_path: Path, damaged: Any, words: str) -> None:
    path = tmp_path / "a.npy"
    if isinstance(damaged, bytes):
        path.write_bytes(damaged)
    elif isinstance(damaged, dict):
        with path.open("wb") as file:
            np.savez(file, **damaged)
    else:
        np.save(path, damaged)
    with pytest.raises(DataError, match=words) as raised:
        reading.read(tmp_path)
    assert "\n" not in str(raised.value)


def test_public_images_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "files", pads(4))
    write_folder(tmp_path / "smaller", pads(4, 16))
    with pytest.raises(DataError, match=r"no image in .*: 00000\.png is 16x16 RGB"):
        identify(tmp_path / "files", tmp_path / "smaller")


@pytest.mark.parametrize("scheme", ["pe", "le", "ele", "one-time-pad"])
def test_copies_of_a_file_are_no_evidence(tmp_path: Path, scheme: str) -> None:
    """Two files under keys of their own, six times each, do not look as if under one key."""
    made = encrypted(scheme, "image")[:2]
    write_folder(tmp_path, np.concatenate([made] * 6))
    found = identify(tmp_path)
    assert found.scheme == scheme
    assert found.key_scope == "undecided"
    assert (found.files, found.looked_at) == (12, 2)
    assert found.foreign[0].why == "is a copy of 00000.png"


def test_grey_files_in_three_channels_are_grey(tmp_path: Path) -> None:
    write_folder(tmp_path / "noise", pads()[:, :1].repeat(3, axis=1))
    write_folder(tmp_path / "etc", encrypted("etc", images=GREY, block_size=4).repeat(3, axis=1))
    assert identify(tmp_path / "noise").scheme == "one-time-pad"
    found = identify(tmp_path / "etc")
    assert (found.scheme, found.block_size, found.shape) == ("etc", 4, (3, 32, 32))


COARSE = photographs()[:, :, ::8, ::8].repeat(8, axis=2).repeat(8, axis=3)
GRAIN = np.random.default_rng(3).normal(0, 60, photographs().shape)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (COARSE, "a coarse picture, or moved blocks of one"),
        (photographs() // 255, "flat: there is nothing to tell"),
        (np.zeros((4, 9, 32), np.float32), "all numbers are the same"),
        (np.random.default_rng(0).normal(size=(1, 9, 32)), "numbers of shape 9x32"),
        ((photographs() + GRAIN).clip(0, 255).astype(np.uint8), "neither smooth as a photograph"),
    ],
    ids=["coarse", "flat", "constant", "one code", "grainy"],
)
def test_no_scheme_is_made_up(tmp_path: Path, images: Any, words: str) -> None:
    write_folder(tmp_path, images, "npy")
    found = identify(tmp_path)
    assert found.scheme is None
    assert found.key_scope == "undecided"
    assert words in found.words
    assert not [each for each in found.schemes if each.likely]


def _half(first: str, second: str) -> Bytes:
    """Ciphertexts of two schemes in turn."""
    settings: dict[str, Any] = {"block_size": 4}
    made = [
        pads() if name == "pad" else photographs() if name == "plain" else encrypted(name)
        for name in (first, second)
    ]
    if "etc" in (first, second):
        made[(first, second).index("etc")] = encrypted("etc", **settings)
    return np.where((np.arange(24) % 2 == 0)[:, None, None, None], made[0], made[1])


@pytest.mark.parametrize(
    ("first", "second"),
    [("pe", "etc"), ("le", "etc"), ("ele", "plain"), ("pad", "ele"), ("pad", "etc")],
)
def test_halves_of_two_schemes_are_a_mix(first: str, second: str) -> None:
    found = identified(_half(first, second))
    assert found.words.startswith("files of several kinds: ")
    assert (found.scheme, found.attacks, found.foreign) == (None, (), ())
    assert (found.key_scope, found.block_size) == ("undecided", None)
    answered = [each.name for each in found.properties if each.answer != "undecided"]
    assert answered == ["mixed"]


def test_blocks_of_two_sizes_are_a_mix() -> None:
    images = encrypted("etc", block_size=4)
    images[::2] = encrypted("etc", block_size=8)[::2]
    assert "whole blocks of 4 px 50%" in identified(images).words


def test_four_files_can_be_a_mix_and_three_are_not_looked_at() -> None:
    images = _half("pe", "etc")
    assert "several kinds" in identified(images[:4]).words
    assert kinds_of(Sample(images[:3])) == {}


def test_a_few_files_do_not_outvote_the_others() -> None:
    images = pads()
    images[[4, 9]] = encrypted("ele")[[4, 9]]
    found = identified(images)
    assert found.scheme == "one-time-pad"
    assert [odd.name for odd in found.foreign] == ["4", "9"]


def test_a_few_files_with_moved_blocks_among_photographs_are_named() -> None:
    images = photographs().copy()
    images[7] = encrypted("etc", block_size=4)[7]
    found = identified(images)
    assert found.scheme == "plain"
    assert [(odd.name, odd.why) for odd in found.foreign] == [
        ("7", "is of another kind: whole blocks of 4 px")
    ]


def test_a_multiple_of_the_block_size_is_no_second_kind() -> None:
    for other, few in ((28, 2), (12, 1)):
        kinds = {i: ("shared blocks", other if i < few else 4) for i in range(7)}
        assert mixture(kinds, (112, 112)) is None
    unlike = {i: ("shared blocks", 7 if i < 2 else 4) for i in range(7)}
    halves = {i: ("shared blocks", 8 if i < 10 else 4) for i in range(20)}
    for kinds in (unlike, halves):
        found = mixture(kinds, (112, 112))
        assert found is not None
        assert found.holds
