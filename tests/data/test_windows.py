"""Levels of more than 8 bits become grey as the window says."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import ppattack
from ppattack.data.decoding import UnreadableImage, decode, open_image
from ppattack.data.folder import Folder
from ppattack.data.image_files import read_folder
from ppattack.data.source import ImageRequest
from ppattack.data.windows import Window
from ppattack.errors import ConfigError
from tests.support.image_files import raw_png
from tests.support.program import in_process

DEEP = np.random.default_rng(0).integers(0, 65536, (5, 6, 3)).astype(np.uint16)


def png(values: NDArray[Any]) -> bytes:
    """A PNG of 16 bits: grey or RGB."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return raw_png(values.shape[1], values.shape[0], 16, 0 if values.ndim == 2 else 2, rows)


def tiff(values: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("window", "value", "grey"),
    [
        # PS3.3 C.11.2.1.2.1, its example: c=2048, w=4096 shows 0 to 4095
        (Window(2048, 4096), 0, 0), (Window(2048, 4096), 4095, 255),
        (Window(2048, 4096), 2048, 128),
        (Window(2048, 1), 2047, 0), (Window(2048, 1), 2048, 255),
        (Window(0, 100, "LINEAR_EXACT"), -50, 0), (Window(0, 100, "LINEAR_EXACT"), 50, 255),
        (Window(0, 100, "LINEAR_EXACT"), 0, 128), (Window(0, 100, "SIGMOID"), 0, 128),
        (Window(0, 100, "SIGMOID"), 25, 186), (Window(), 65535, 255), (Window(), 257, 1),
        (Window(40, 400), -1000, 0), (Window(40, 400), 3000, 255),
    ],
)  # fmt: skip
def test_levels_are_those_of_the_standard(window: Window, value: int, grey: int) -> None:
    assert window.grey(np.array([value]), 0, 65535).tolist() == [grey]


@given(
    centre=st.floats(-5000, 5000), width=st.floats(1, 9000),
    values=st.lists(st.integers(-32768, 65535), min_size=1),
)  # fmt: skip
def test_brighter_stays_brighter(centre: float, width: float, values: list[int]) -> None:
    found = Window(centre, width).grey(np.sort(np.array(values)), 0, 65535)
    assert (np.diff(found.astype(int)) >= 0).all()


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "1,0", "1,-4", "nan,3", "1,inf", "Full"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not valid"):
        Window.read(text)


def test_windows_are_read_as_they_are_written() -> None:
    assert [str(Window.read(text)) for text in ("full", "40,400", "-600.5,1500")] == [
        "full", "40,400", "-600.5,1500",
    ]  # fmt: skip


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("kind", ["png", "tiff", "planes"])
def test_files_of_16_bits_are_read_whole(kind: str, grey: bool) -> None:
    values = DEEP[..., 0] if grey else DEEP
    if kind == "png":
        data = png(values)
    elif kind == "planes" and not grey:
        data = tiff(values.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    else:
        data = tiff(values, photometric="minisblack" if grey else "rgb")
    image, remark = decode(io.BytesIO(data), Path("a"), photograph=True, window=Window())
    assert np.array_equal(np.asarray(image), (values / 257).round().astype(np.uint8))
    assert remark == "16 bits, window full"
    narrow, _ = decode(io.BytesIO(data), Path("a"), window=Window(3000, 200))
    assert np.array_equal(np.asarray(narrow), Window(3000, 200).grey(values, 0, 65535))


def test_white_is_zero_in_some_files() -> None:
    data = tiff(DEEP[..., 0], photometric="miniswhite")
    image, _ = decode(io.BytesIO(data), Path("a"), window=Window())
    assert np.array_equal(np.asarray(image), 255 - (DEEP[..., 0] / 257).round().astype(np.uint8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(DEEP), "has 16 bits per channel, not 8: convert it to 8 bits, or say --window"),
        (tiff(DEEP[..., 0].astype(np.uint32)), "has 32 bits per channel, not 8: convert it"),
    ],
)
def test_without_a_window_they_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UnreadableImage, match=said):
        open_image(tmp_path / "a.png", photograph=True)


def test_floats_are_refused_with_a_window_too(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(DEEP[..., 0].astype(np.float32)))
    with pytest.raises(UnreadableImage, match="windows are for PNG and TIFF of 16 bits"):
        open_image(tmp_path / "a.tif", window=Window())


def test_a_folder_takes_the_window_of_the_request(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(png(DEEP[..., 0] // (number + 1)))
    sets = Folder(str(tmp_path)).load(ImageRequest(0, 12, None, window=Window(1000, 2000)))
    assert len(sets.adversary) == 12
    assert sets.notes[0].startswith("12 files were converted: ")
    assert "(16 bits, window 1000,2000)" in sets.notes[0]


def test_a_run_says_its_window_and_other_sources_refuse_it(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "x" / part).mkdir(parents=True)
        for number in range(12):
            values = np.rot90(np.tile(DEEP[..., 0], (4, 4)), number % 4) // (1 + number // 4)
            (tmp_path / "x" / part / f"{number}.png").write_bytes(png(values))
    asked = ppattack.RunRequest(
        "none", "pe", data=f"folder:{tmp_path / 'x'}", size=16, victims=4, adversary=4,
        window="full", out=tmp_path,
    )  # fmt: skip
    done = ppattack.run(asked)
    assert done.report.provenance["request"]["window"] == "full"
    assert ppattack.run(asked).reused
    assert ppattack.run(replace(asked, window="900,900")).folder != done.folder
    with pytest.raises(ConfigError, match="--window is for files of more than 8 bits"):
        ppattack.run(replace(asked, data="photos"))
    with pytest.raises(ConfigError, match="--window 3 is not valid"):
        ppattack.run(replace(asked, window="3"))


def _deep(folder: Path) -> Path:
    """Two files of 16 bits, in a folder for each class and side."""
    for side in ("train", "test"):
        for name in ("a", "b"):
            place = folder / side / name
            place.mkdir(parents=True)
            for number in range(3):
                levels = np.random.default_rng([number, ord(name), len(side)])
                Image.fromarray(levels.integers(0, 4096, (32, 32), dtype=np.uint16)).save(
                    place / f"{number}.png"
                )
    return folder


COMMANDS = (
    "compress --target pe --codec png -n 2",
    "encrypt --target pe -n 2 --seed 1 --out made",
    "classify --target pe --preset smoke --no-plain -n 2 --train 4 --set training.epochs=1",
)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_that_reads_images_takes_a_window(words: str, tmp_path: Path) -> None:
    _deep(tmp_path / "deep")
    data = "--data folder:deep"
    code, _, said = in_process(f"{words} {data} --window 2048:4096", tmp_path)
    assert code == 2
    assert "--window 2048:4096 is not valid: use CENTRE,WIDTH" in said
    source = "digits" if words.startswith("classify") else "photos"
    code, _, said = in_process(f"{words} --data {source} --window full", tmp_path)
    assert code == 2
    assert f"--window is for files of more than 8 bits, and '{source}' has none" in said
    assert not (tmp_path / "made").exists()
    assert in_process(f"{words} {data}", tmp_path)[0] == 2
    code, _, said = in_process(f"{words} {data} --window 2048,4096", tmp_path)
    assert code == 0, said


def test_files_to_encrypt_take_a_window_as_their_source_does(tmp_path: Path) -> None:
    folder = _deep(tmp_path / "deep") / "test" / "a"
    shown = read_folder(folder, photographs=True, window=Window(2048, 4096)).images
    words = f"encrypt --target pe --seed 1 --images {folder} --out c --plain-out p"
    code, _, said = in_process(words, tmp_path)
    assert code == 2
    assert "has 16 bits per channel" in said
    assert in_process(f"{words} --window 2048,4096", tmp_path)[0] == 0
    assert torch.equal(read_folder(tmp_path / "p", photographs=True).images, shown)
