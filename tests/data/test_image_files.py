from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.data.image_files import list_images, read_folder, read_image, write_png
from ppattack.errors import DataError, ImageError
from tests.support.image_files import GREY, RGB, animated, encoded, noise


@settings(deadline=None, max_examples=50)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, channels: int, height: int, width: int, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "written" / "image.png"
    image = torch.from_numpy(noise(channels, height, width, seed=seed))
    write_png(path, image)
    read = read_image(path)
    assert read.dtype == torch.uint8
    assert read.is_contiguous()
    assert torch.equal(read, image)


def test_writing_takes_any_memory_layout(tmp_path: Path) -> None:
    image = torch.from_numpy(RGB).permute(2, 0, 1).flip(2)
    write_png(tmp_path / "a.png", image)
    assert torch.equal(read_image(tmp_path / "a.png"), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "image",
    [torch.zeros(3, 4, 4), torch.zeros(4, 4, 3, dtype=torch.uint8), torch.zeros(3, 4)],
    ids=["float", "channels last", "two axes"],
)
def test_only_images_are_written(tmp_path: Path, image: torch.Tensor) -> None:
    with pytest.raises(ImageError):
        write_png(tmp_path / "a.png", image)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="out"):
        write_png(tmp_path / "out" / "a.png", torch.zeros(1, 4, 4, dtype=torch.uint8))


def test_modes(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(encoded(GREY, "PNG"))
    (tmp_path / "rgb.png").write_bytes(encoded(RGB, "PNG"))
    grey = torch.from_numpy(GREY)[None]
    assert torch.equal(read_image(tmp_path / "grey.png"), grey)
    assert torch.equal(read_image(tmp_path / "grey.png", mode="RGB"), grey.expand(3, -1, -1))
    assert read_image(tmp_path / "rgb.png", mode="L").shape == (1, 12, 10)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name, seed in (("b.png", 1), ("a.BMP", 2), ("ü.webp", 3), ("10.tif", 4)):
        kind = {"png": "PNG", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF"}[
            name[-4:].strip(".").lower()
        ]
        options = {"lossless": True} if kind == "WEBP" else {}
        (tmp_path / name).write_bytes(encoded(noise(6, 5, 3, seed=seed), kind, **options))
    for name in ("notes.txt", ".DS_Store", "Thumbs.db", ".hidden.png", "no extension"):
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.png").write_bytes(b"not looked at")
    found = read_folder(tmp_path)
    assert found.names == ("10.tif", "a.BMP", "b.png", "ü.webp")
    expected = np.stack([noise(6, 5, 3, seed=seed) for seed in (4, 2, 1, 3)])
    assert torch.equal(found.images, torch.from_numpy(expected).permute(0, 3, 1, 2))


def test_grey_ciphertexts_keep_one_channel(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(GREY, "PNG"))
    assert read_folder(tmp_path).images.shape == (1, 1, 12, 10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"b\.png is empty"),
        (b"text", r"b\.png is not a PNG"),
        (animated("GIF"), r"b\.png holds 3 frames"),
        (encoded(noise(4, 4, 3), "PNG"), r"b\.png \(4x4, RGB\) .* a\.png \(10x12, RGB\)"),
        (encoded(GREY, "PNG"), r"b\.png \(10x12, grey\) .* a\.png \(10x12, RGB\)"),
    ],
    ids=["empty", "text", "animated", "size", "channels"],
)
def test_one_bad_ciphertext_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    for name in ("a.png", "c.png"):
        (tmp_path / name).write_bytes(encoded(RGB, "PNG"))
    (tmp_path / "b.png").write_bytes(content)
    with pytest.raises(DataError, match=f"1 of 3 image files .*{reason}"):
        read_folder(tmp_path)


def test_many_bad_ciphertexts_are_counted(tmp_path: Path) -> None:
    for i in range(9):
        (tmp_path / f"{i}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"9 of 9 .*0\.png.*1\.png.*2\.png.*; and 6 more"):
        read_folder(tmp_path)


def test_things_with_the_name_of_an_image_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"a\.png is a folder; b\.png is a broken link"):
        read_folder(tmp_path)


def test_folders_without_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    for name, reason in (
        ("missing", "there is no folder"),
        ("file", "is a file"),
        ("empty", "holds no image files"),
        ("outer", "only folders .'inner'"),
        ("x" * 300, "cannot be read"),
    ):
        with pytest.raises(DataError, match=reason):
            read_folder(tmp_path / name)

    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(DataError, match="empty cannot be read: Permission denied"):
        list_images(tmp_path / "empty")


def test_a_folder_of_arrays_says_how_they_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"only an array: .* name .*a\.npy itself"):
        read_folder(tmp_path)
    np.save(tmp_path / "b.npy", np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"only 2 NPY files: .* write them as one of shape"):
        read_folder(tmp_path)


@pytest.mark.process
def test_nothing_heavy_is_imported_with_the_sources() -> None:
    modules = "decoding image_files selection photos torchvision_sets folder npz".split()
    heavy = ("torch", "torchvision", "PIL", "skimage", "scipy")
    code = "import sys\n" + "\n".join(f"import ppattack.data.{name}" for name in modules)
    code += f"\nprint([module for module in {heavy} if module in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
