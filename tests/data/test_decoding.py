from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ppattack.data.decoding import MAX_PIXELS, UnreadableImage, check_file, open_image, pixels_of
from ppattack.errors import ImageError
from tests.support.image_files import (
    GREY,
    RGB,
    Pixels,
    animated,
    damaged,
    decoded,
    encoded,
    noise,
    oriented,
    palette,
    raw_png,
    with_alpha,
)

PNG = encoded(RGB, "PNG")
JPEG = encoded(noise(64, 64, 3), "JPEG")
PALETTE, PALETTE_RGB = palette()
BITS = GREY > 127
STILL_GIF = encoded(Image.fromarray(PALETTE_RGB).quantize(7), "GIF")
FLAT_GREY = np.full((9, 9), 77, np.uint8)
FLAT = np.full((4, 4, 3), 9, np.uint8)
NIBBLES = np.array([[0, 255], [136, 0]], np.uint8)
DEEP_GREY = Image.fromarray(GREY.astype(np.uint16) * 257)
CLEAR_COLOUR = encoded(RGB, "PNG", transparency=tuple(RGB[4, 4].tolist()))
UNUSED_CLEAR_COLOUR = encoded(FLAT, "PNG", transparency=(1, 2, 3))
TURNED = oriented("JPEG")
MPO = animated("MPO")
BMP = encoded(RGB, "BMP")
CMYK = Image.fromarray(RGB).convert("CMYK")
CMYK_JPEG = encoded(CMYK, "JPEG")
SIDE = 8100
assert SIDE * SIDE > MAX_PIXELS

# name, content, and for a ciphertext and for a photograph: the pixels, or the reason
ROWS: list[tuple[str, bytes, Pixels | str, Pixels | str | None]] = [
    ("rgb.png", PNG, RGB, None),
    ("grey.png", encoded(GREY, "PNG"), GREY, None),
    ("rgb.bmp", BMP, RGB, None),
    ("grey.bmp", encoded(GREY, "BMP"), GREY, None),
    ("rgb.tiff", encoded(RGB, "TIFF"), RGB, None),
    ("grey.tif", encoded(GREY, "TIFF"), GREY, None),
    ("packed.tif", encoded(RGB, "TIFF", compression="tiff_lzw"), RGB, None),
    ("lossless.webp", encoded(RGB, "WEBP", lossless=True), RGB, None),
    ("rgb.jpg", JPEG, decoded(JPEG), None),
    ("of a phone.jpg", MPO, decoded(MPO), None),
    ("grey.jpg", encoded(FLAT_GREY, "JPEG"), FLAT_GREY, None),
    ("a png.jpg", PNG, RGB, None),
    ("a jpeg.png", JPEG, decoded(JPEG), None),
    ("palette.png", PALETTE, PALETTE_RGB, None),
    ("still.gif", STILL_GIF, PALETTE_RGB, None),
    ("1-bit.png", encoded(Image.fromarray(BITS), "PNG"), (BITS * 255).astype(np.uint8), None),
    ("4-bit.png", raw_png(2, 2, 4, 0, b"\0\x0f\0\x80"), NIBBLES, None),
    ("opaque.png", encoded(with_alpha(255), "PNG"), RGB, None),
    ("opaque grey.png", encoded(Image.fromarray(GREY).convert("LA"), "PNG"), GREY, None),
    ("alpha.png", encoded(with_alpha(254), "PNG"), "partly transparent", None),
    ("clear palette.png", palette(transparency=3)[0], "partly transparent", None),
    ("clear colour.png", CLEAR_COLOUR, "partly transparent", None),
    ("unused clear colour.png", UNUSED_CLEAR_COLOUR, FLAT, None),
    ("cmyk.jpg", CMYK_JPEG, "CMYK", decoded(CMYK_JPEG)),
    ("cmyk.tif", encoded(CMYK, "TIFF"), "CMYK", np.asarray(CMYK.convert("RGB"))),
    ("lab.tif", encoded(Image.new("LAB", (4, 4)), "TIFF"), "LAB", None),
    ("turned.jpg", TURNED, decoded(TURNED), np.rot90(decoded(TURNED), -1)),
    ("turned.png", oriented("PNG"), RGB, np.rot90(RGB, -1)),
    ("turned.tif", oriented("TIFF"), "orientation", np.rot90(RGB, -1)),
    ("16-bit grey.png", encoded(DEEP_GREY, "PNG"), "16 bits", None),
    ("16-bit colour.png", raw_png(1, 1, 16, 2, b"\0" + bytes(6)), "16 bits", None),
    ("16-bit grey.tif", encoded(DEEP_GREY, "TIFF"), "16 bits", None),
    ("integers.tif", encoded(Image.fromarray(GREY.astype(np.int32)), "TIFF"), "32 bits", None),
    ("float.tif", encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "32 bits", None),
    ("animated.gif", animated("GIF"), "3 frames", None),
    ("animated.webp", animated("WEBP"), "3 frames", None),
    ("animated.png", animated("PNG"), "3 frames", None),
    ("pages.tif", animated("TIFF"), "3 frames or pages", None),
    ("large.png", raw_png(SIDE, SIDE, 8, 0, b""), "64 million pixels", None),
    ("bomb.png", raw_png(30_000, 30_000, 8, 2, b""), "64 million pixels", None),
    ("bomb.bmp", BMP[:18] + 2 * b"\x50\xc3\0\0" + BMP[26:], "64 million pixels", None),
    ("zero bytes.png", b"", "empty (0 bytes)", None),
    ("text.png", b"this is not an image", "is not a PNG", None),
    ("netpbm.png", b"P6 1 1 255 abc", "is not a PNG", None),
    ("header only.png", PNG[:20], "damaged", None),
    ("cut.png", PNG[:-60], "damaged", None),
    ("cut.jpg", JPEG[: len(JPEG) // 2], "truncated", None),
    ("cut.bmp", BMP[:-40], "truncated", None),
    ("cut.tif", encoded(RGB, "TIFF", compression="tiff_lzw")[:100], "damaged", None),
    ("cut.webp", encoded(RGB, "WEBP", lossless=True)[:80], "damaged", None),
    ("flipped bit.png", damaged(PNG), "damaged", None),
    ("ünï–コード.png", PNG, RGB, None),
]  # fmt: skip


@pytest.mark.parametrize("photograph", [False, True], ids=["ciphertext", "photograph"])
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_files_of_every_kind(
    tmp_path: Path, row: tuple[str, bytes, Pixels | str, Pixels | str | None], photograph: bool
) -> None:
    name, content, as_ciphertext, as_photograph = row
    expected = as_photograph if photograph and as_photograph is not None else as_ciphertext
    path = tmp_path / name
    path.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(UnreadableImage) as caught:
            open_image(path, photograph=photograph)
        assert expected in caught.value.reason
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
    else:
        image, remark = open_image(path, photograph=photograph)
        np.testing.assert_array_equal(np.asarray(image), expected)
        assert image.mode == ("L" if expected.ndim == 2 else "RGB")
        assert ("CMYK" in remark) == ("cmyk" in name)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {
        "missing.png": "does not exist",
        "folder.png": "is a folder",
        "link.png": "is a broken link",
        "loop.png": "cannot be opened",
        "pipe.png": "is not a regular file",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageError, match=f"{name} {reason}"):
            check_file(tmp_path / name)
        with pytest.raises(ImageError, match=f"{name} {reason}"):
            open_image(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ImageError, match=r"a\.png cannot be read \(Permission denied\)"):
        open_image(tmp_path / "a.png")


def test_the_limit_is_checked_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    (tmp_path / "large.png").write_bytes(raw_png(SIDE, SIDE, 8, 0, b""))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(UnreadableImage, match="64 million"):
        open_image(tmp_path / "large.png")


WHOLE = {
    "PNG": PNG,
    "JPEG": JPEG,
    "BMP": BMP,
    "TIFF": encoded(RGB, "TIFF", compression="tiff_lzw"),
    "WEBP": encoded(RGB, "WEBP", lossless=True),
    "GIF": STILL_GIF,
}


@settings(deadline=None, max_examples=300)
@given(
    kind=st.sampled_from(sorted(WHOLE)),
    cut=st.integers(0, 2000),
    flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), max_size=4),
)
def test_damage_is_refused_or_gives_an_image(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    cut: int,
    flips: list[tuple[int, int]],
) -> None:
    content = bytearray(WHOLE[kind])
    for place, mask in flips:
        content[place % len(content)] ^= mask
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind.lower()}"
    path.write_bytes(content[: max(len(content) - cut, 0)])
    try:
        pixels = pixels_of(open_image(path, photograph=bool(cut % 2))[0])
    except UnreadableImage:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] in (1, 3)


@settings(deadline=None, max_examples=100)
@given(place=st.integers(8, len(PNG) - 13), mask=st.integers(1, 255))
def test_no_damaged_png_passes_for_whole(
    tmp_path_factory: pytest.TempPathFactory, place: int, mask: int
) -> None:
    content = bytearray(PNG)
    content[place] ^= mask
    path = tmp_path_factory.getbasetemp() / "changed.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage):
        open_image(path)
