"""Images of a run folder, small enough to stand inside a page."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ImageError, ReportError
from ppattack.reports.found import ImageScores
from ppattack.reports.matches import FOLDER, ShownMatch, read_matches

if TYPE_CHECKING:
    from PIL.Image import Image

ROLES = ("plain", "ciphertext", "reconstruction")
EDGE = 64
"""Pixels of the longer edge at most if there are many runs; larger images are made smaller."""
QUALITY = 85
EFFORT = 2
"""Effort of the encoder, 0 to 6; 4 takes twice as long and saves 1 %."""
_NAME = re.compile(r"(\d+)-(\d+)-(plain|ciphertext|reconstruction)\.png")


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Args:
        uri: the whole file, as a data URI.
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


def samples(folder: Path, scores: ImageScores | None, edge: int | None = None) -> list[Sample]:
    """The images of ``samples/``, from the least to the best recovered.

    Args:
        folder: of the run.
        scores: of its images.
        edge: pixels of the longer edge at most; None leaves them as they are.

    Raises:
        ReportError: if one cannot be read.
    """
    found: dict[int, tuple[int, dict[str, Path]]] = {}
    for path in sorted((folder / "samples").glob("*.png")):
        match = _NAME.fullmatch(path.name)
        if match:
            rank, index, role = int(match[1]), int(match[2]), match[3]
            found.setdefault(rank, (index, {}))[1][role] = path
    return [_sample(index, paths, scores, edge) for _, (index, paths) in sorted(found.items())]


def _sample(
    index: int, paths: dict[str, Path], scores: ImageScores | None, edge: int | None
) -> Sample:
    name, values = f"{index:05d}", []
    if scores is not None and index < len(scores.names):
        name = scores.names[index]
        for metric in ("ssim", "lpips", "psnr"):
            column = scores.columns.get(f"{metric}.reconstruction")
            if column is not None:
                values.append((metric, column[index]))
    pictures = tuple(
        _picture(_thumbnail(_read(paths[role]), edge), f"{role} of image {name}")
        for role in ROLES
        if role in paths
    )
    return Sample(name, pictures, tuple(values))


@dataclass(frozen=True)
class Candidate:
    """A candidate in the gallery.

    Args:
        name: of the candidate.
        picture: what it shows.
        right: whether it is the image that was encrypted, or a copy of it.
    """

    name: str
    picture: Picture
    right: bool


@dataclass(frozen=True)
class Match:
    """A ciphertext, its likeliest candidates and the truth.

    Args:
        name: of the ciphertext.
        query: the ciphertext.
        candidates: the likeliest first.
        truth: the image that was encrypted, or None if nobody knows it.
        words: what came of it.
        p_value: of the best match, or None.
    """

    name: str
    query: Picture
    candidates: tuple[Candidate, ...]
    truth: Picture | None
    words: str
    p_value: float | None


def matches(folder: Path, edge: int | None = None) -> list[Match]:
    """The gallery of a run that named images, from the surest match to the least sure.

    Args:
        folder: of the run.
        edge: pixels of the longer edge at most; None leaves them as they are.

    Raises:
        ReportError: if a file is damaged or missing.
    """

    def picture(number: int, role: str, words: str) -> Picture:
        path = folder / FOLDER / f"{number}-{role}.png"
        return _picture(_thumbnail(_read(path), edge), words)

    found = []
    for number, shown in enumerate(read_matches(folder)):
        candidates = tuple(
            Candidate(
                name,
                picture(number, str(place + 1), f"candidate {place + 1}: {name}"),
                place == shown.right,
            )
            for place, name in enumerate(shown.candidates)
        )
        truth = picture(number, "truth", "the image that was encrypted") if shown.truth else None
        query = picture(number, "query", f"ciphertext {shown.ciphertext}")
        words = _outcome(shown)
        found.append(Match(shown.ciphertext, query, candidates, truth, words, shown.p_value))
    return found


def _outcome(shown: ShownMatch) -> str:
    if shown.absent:
        return "not among the candidates"
    if not shown.known:
        return "the right answer is not known"
    if shown.right is None:
        return f"the right one is not among the first {len(shown.candidates)}"
    return "named" if shown.right == 0 else f"the right one is number {shown.right + 1}"


def sheet(folder: Path) -> Picture | None:
    """The sheet of the first reconstructions, or None if the run saved none.

    Raises:
        ReportError: if it cannot be read.
    """
    path = folder / "samples" / "sheet.png"
    return _picture(_read(path), "the first reconstructions") if path.is_file() else None


def overview(folder: Path) -> Picture | None:
    """``samples.png``, for a run folder without single samples; None if it is missing.

    Raises:
        ReportError: if it cannot be read.
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


def _thumbnail(image: Image, edge: int | None) -> Image:
    """The image, no edge of it longer than ``edge``."""
    if edge is not None:
        image.thumbnail((edge, edge))
    return image


@cache
def _format() -> str:
    from PIL import features

    return "WEBP" if features.check("webp") else "PNG"


def _picture(image: Image, alt: str) -> Picture:
    data = io.BytesIO()
    image.convert("RGB").save(data, format=_format(), quality=QUALITY, method=EFFORT)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/{_format().lower()};base64,{text}", alt, image.width, image.height)
