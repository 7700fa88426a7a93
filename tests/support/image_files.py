"""Image files of every kind, as bytes, for the tests of what reads them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


RGB = noise(12, 10, 3)
GREY = noise(12, 10, seed=1)


def encoded(image: Image.Image | Pixels, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(data, format=kind, **options)
    return data.getvalue()


def decoded(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def with_alpha(value: int) -> Pixels:
    return np.concatenate([RGB, np.full((12, 10, 1), value, np.uint8)], axis=2)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(noise(12, 10, 3, seed=seed)) for seed in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def oriented(kind: str, orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(RGB, kind, exif=exif)


def palette(**options: Any) -> tuple[bytes, Pixels]:
    """A palette PNG of 7 colours, and the colours of its pixels."""
    colours = noise(7, 3, seed=2)
    index = np.random.default_rng(3).integers(0, 7, (12, 10), dtype=np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putdata(index.reshape(-1).tolist())
    image.putpalette(colours.tobytes())
    return encoded(image, "PNG", **options), colours[index]


def damaged(data: bytes, at: float = 0.5) -> bytes:
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
