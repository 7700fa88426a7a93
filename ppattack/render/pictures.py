"""Images of a run folder, small enough to stand inside a page."""

from __future__ import annotations

import base64
import io
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ImageError, ReportError
from ppattack.saved_runs import ImageScores

if TYPE_CHECKING:
    from PIL.Image import Image

ROLES = ("plain", "ciphertext", "reconstruction")
EDGE = 64
"""Pixels of the longer edge at most; larger images are made smaller."""
SHEET_EDGE = 40
"""The same in the sheet of all reconstructions."""
SHEET_AT_MOST = 64
QUALITY = 85
EFFORT = 2
"""Of the encoder, 0 to 6; 4 takes twice as long for 1 % less."""
_NAME = re.compile(r"(\d+)-(\d+)-(plain|ciphertext|reconstruction)\.png")


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Args:
        uri: it all, as a data URI.
        alt: what it shows, in words.
        width: pixels.
        height: pixels.
    """

    uri: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Sample:
    """One image of a run.

    Args:
        name: of the image.
        pictures: plain image, ciphertext and reconstruction, those that are known.
        scores: metric and value of the reconstruction.
    """

    name: str
    pictures: tuple[Picture, ...]
    scores: tuple[tuple[str, float], ...]


def samples(folder: Path, scores: ImageScores | None) -> list[Sample]:
    """The images of ``samples/``, from the least to the best recovered.

    Raises:
        ReportError: where one cannot be read.
    """
    found: dict[int, tuple[int, dict[str, Path]]] = {}
    for path in sorted((folder / "samples").glob("*.png")):
        match = _NAME.fullmatch(path.name)
        if match:
            rank, index, role = int(match[1]), int(match[2]), match[3]
            found.setdefault(rank, (index, {}))[1][role] = path
    return [_sample(index, paths, scores) for _, (index, paths) in sorted(found.items())]


def _sample(index: int, paths: dict[str, Path], scores: ImageScores | None) -> Sample:
    name, values = f"{index:05d}", []
    if scores is not None and index < len(scores.names):
        name = scores.names[index]
        for metric in ("ssim", "lpips", "psnr"):
            column = scores.columns.get(f"{metric}.reconstruction")
            if column is not None:
                values.append((metric, column[index]))
    pictures = tuple(
        _picture(_thumbnail(_read(paths[role]), EDGE), f"{role} of image {name}")
        for role in ROLES
        if role in paths
    )
    return Sample(name, pictures, tuple(values))


def sheet(folder: Path) -> Picture | None:
    """The first reconstructions side by side, or None where the run saved none.

    Raises:
        ReportError: where one cannot be read.
    """
    from PIL import Image

    paths = sorted((folder / "reconstructions").glob("*.png"))[:SHEET_AT_MOST]
    if not paths:
        return None
    images = [_thumbnail(_read(path), SHEET_EDGE) for path in paths]
    width, height = (max(edges) for edges in zip(*(image.size for image in images), strict=True))
    across = min(16, math.ceil(math.sqrt(2 * len(images))))
    made = Image.new("RGB", (across * width, math.ceil(len(images) / across) * height), "white")
    for place, image in enumerate(images):
        made.paste(image, (place % across * width, place // across * height))
    return _picture(made, f"the first {len(images)} reconstructions, {across} a row")


def overview(folder: Path) -> Picture | None:
    """``samples.png``, for a run folder without single samples; None where it is missing.

    Raises:
        ReportError: where it cannot be read.
    """
    path = folder / "samples.png"
    if not path.is_file():
        return None
    image = _read(path)
    words = "plain images, ciphertexts and reconstructions, from the least to the best recovered"
    return _picture(_thumbnail(image, 1000), words)


def _read(path: Path) -> Image:
    from ppattack.data.decoding import open_image

    try:
        return open_image(path, photograph=True)[0]
    except ImageError as error:
        raise ReportError(str(error)) from None


def _thumbnail(image: Image, edge: int) -> Image:
    """The image, no edge of it longer than ``edge``."""
    if max(image.size) <= edge:
        return image
    scale = edge / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


@cache
def _format() -> str:
    from PIL import features

    return "WEBP" if features.check("webp") else "PNG"


def _picture(image: Image, alt: str) -> Picture:
    data = io.BytesIO()
    image.convert("RGB").save(data, format=_format(), quality=QUALITY, method=EFFORT)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/{_format().lower()};base64,{text}", alt, image.width, image.height)
