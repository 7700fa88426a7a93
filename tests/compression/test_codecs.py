"""Codecs: files that others read, names, and what is said of those that are missing."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from ppattack.compression.codecs import (
    QUALITIES,
    Codec,
    all_codecs,
    named_codecs,
    read_codec,
)
from ppattack.errors import ConfigError
from tests.support.compression_pictures import photographs

EVERY = all_codecs((75, 95))
INSTALLED = [codec for codec in EVERY if not codec.obstacle()]
LOSSLESS = [codec for codec in INSTALLED if codec.lossless]
OF_PILLOW = {"jpeg": "JPEG", "jpeg-2000": "JPEG2000", "jpeg-2000-rct": "JPEG2000", "png": "PNG"}
FIRST_BYTES = {
    "jpeg": b"\xff\xd8\xff",
    "jpeg-ls": b"\xff\xd8\xff",
    "jpeg-2000": b"\x00\x00\x00\x0cjP  ",
    "jpeg-2000-rct": b"\x00\x00\x00\x0cjP  ",
    "png": b"\x89PNG",
}


def _kind(codec: Codec) -> str:
    return "jpeg" if codec.name.endswith(("-444", "-420")) else codec.name


def test_names() -> None:
    names = [codec.name for codec in all_codecs(QUALITIES)]
    assert names == [
        *(f"jpeg-{quality}-{how}" for how in ("444", "420") for quality in (75, 80, 85, 90, 95)),
        "jpeg-ls",
        "jpeg-2000",
        "jpeg-2000-rct",
        "png",
    ]
    assert [read_codec(name).name for name in names] == names
    assert [codec.lossless for codec in all_codecs((85,))] == [False, False, *[True] * 4]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "jpg",
        "jpeg",
        "jpeg-85",
        "jpeg-85-422",
        "jpeg--5-420",
        "JPEG-85-420",
        "jpeg-85-420-best",
        "jpeg-٨٥-420",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no codec"):
        read_codec(name)


@pytest.mark.parametrize("name", ["jpeg-0-420", "jpeg-101-444", "jpeg-999-444"])
def test_qualities_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="use a quality of 1 to 100"):
        read_codec(name)


def test_a_codec_is_named_once() -> None:
    with pytest.raises(ConfigError, match="'png' was asked for twice"):
        named_codecs(["png", "jpeg-85-420", "png"])


@pytest.mark.parametrize("codec", INSTALLED, ids=lambda codec: codec.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_are_what_they_say(codec: Codec, channels: int) -> None:
    image = photographs()[0, :channels, :40]
    data = codec.encode(image)
    assert data.startswith(FIRST_BYTES[_kind(codec)])
    if _kind(codec) in OF_PILLOW:
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.format == OF_PILLOW[_kind(codec)]
            assert opened.size == (128, 40)
            pixels = np.asarray(opened)
        rows = codec.decode(data)
        assert np.array_equal(rows[0] if channels == 1 else rows.permute(1, 2, 0), pixels)
    assert codec.decode(data).shape == image.shape


@pytest.mark.skipif(read_codec("jpeg-ls").obstacle() != "", reason="no JPEG-LS here")
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_ls_files_have_its_marker_and_the_size_of_the_image(channels: int) -> None:
    """Start of frame 55 (F7 hex): precision 8, rows, columns, components; T.87, C.2.2."""
    data = read_codec("jpeg-ls").encode(photographs()[0, :channels, :40])
    place = data.index(b"\xff\xf7")
    frame = data[place + 4 : place + 10]
    assert frame == bytes([8, 0, 40, 0, 128, channels])


@pytest.mark.parametrize("codec", LOSSLESS, ids=lambda codec: codec.name)
@settings(deadline=None, max_examples=25)
@given(st.sampled_from([1, 3]), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_lossless_codecs_give_back_every_bit(
    codec: Codec, channels: int, height: int, width: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (channels, height, width), np.uint8)
    image = torch.from_numpy(pixels)
    assert torch.equal(codec.decode(codec.encode(image)), image)


@pytest.mark.parametrize("codec", LOSSLESS, ids=lambda codec: codec.name)
def test_lossless_codecs_take_noise_and_shrink_photographs(codec: Codec) -> None:
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 128, 128), np.uint8))
    raw = noise.numel()
    data = codec.encode(noise)
    assert torch.equal(codec.decode(data), noise)
    assert raw < len(data) < 1.3 * raw
    assert len(codec.encode(photographs()[0])) < 0.85 * raw


def test_jpeg_keeps_less_at_lower_quality_and_of_halved_colours() -> None:
    image = photographs()[0]
    sizes = {name: len(read_codec(name).encode(image)) for name in ("jpeg-75-444", "jpeg-75-420")}
    assert (
        sizes["jpeg-75-420"] < sizes["jpeg-75-444"] < len(read_codec("jpeg-95-444").encode(image))
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_optimised_tables_save_bytes_and_change_no_pixel(channels: int) -> None:
    usual, optimised = read_codec("jpeg-85-420"), read_codec("jpeg-85-420-opt")
    assert optimised.name == "jpeg-85-420-opt"
    image = photographs()[0, :channels]
    files = usual.encode(image), optimised.encode(image)
    assert len(files[1]) < 0.98 * len(files[0])
    assert torch.equal(usual.decode(files[0]), optimised.decode(files[1]))


def test_the_colour_transform_of_jpeg_2000() -> None:
    """Colours are alike, so their differences are small files; grey images have none."""
    apart, together = read_codec("jpeg-2000"), read_codec("jpeg-2000-rct")
    image = photographs()[0]
    assert len(together.encode(image)) < 0.95 * len(apart.encode(image))
    assert together.encode(image[:1]) == apart.encode(image[:1])


def test_a_codec_that_is_not_installed_says_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert "pip install 'ppattack[utility]'" in read_codec("jpeg-ls").obstacle()
    with pytest.raises(ConfigError, match="'jpeg-ls' cannot be used: the package imagecodecs"):
        named_codecs(["png", "jpeg-ls"])
    monkeypatch.setattr(features, "check", lambda feature: feature != "jpg_2000")
    assert "no JPEG2000" in read_codec("jpeg-2000").obstacle()
    assert read_codec("png").obstacle() == ""
