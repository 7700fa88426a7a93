"""Crops of the everyday colour photographs that are installed with scikit-image: no download.

The split is by photograph, the same for every seed: a person and a cat are the victims' (the kind
of image one would hide, and easy to recognise if it is recovered); a cup of coffee, a rocket and a
motorcycle are the adversary's. The motorcycle is a stereo pair of one scene, so both halves are on
one side. The scientific photographs of scikit-image are left out, as they look different from all
others.

Crops are squares of 35 % to 100 % of the shorter side of the photograph, their edges uniform on
a log scale and never smaller than the image asked for (nothing is enlarged), placed uniformly and
resized with antialiasing. Half of the adversary's are mirrored. Nearly empty crops (bare sky) are
skipped. Crops of one photograph overlap: with two photographs, n of the victims' images are worth
far fewer independent ones, and intervals over them are too narrow. There are no classes: the two
sides share no photograph, so they could not share a class either.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.fingerprint import of_files
from ppattack.data.selection import Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from PIL.Image import Image

VICTIMS = ("astronaut.png", "chelsea.png")
ADVERSARY = ("coffee.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png")
SIZES = (16, 256)
OWN_SIZE = 32
SMALLEST_PART = 0.35
LEAST_CONTRAST = 8.0
"""A crop is empty if the mean of its channels, 0..255, has a lower standard deviation than this."""
TRIES_PER_CROP = 4
OVERLAP_NOTE = (
    "the victims' images are overlapping crops of {} photographs: intervals that treat them as "
    "independent are too narrow"
)


class Photos(ImageSource):
    """Crops of photographs, the adversary's and the victims' from different ones."""

    card = SourceCard(
        name="photos",
        title="crops of the colour photographs installed with scikit-image (no download)",
        reference=Reference(
            authors="S. van der Walt, J. L. Schönberger, J. Nunez-Iglesias, F. Boulogne et al.",
            title="scikit-image: image processing in Python",
            venue="PeerJ 2:e453",
            year=2014,
            doi="10.7717/peerj.453",
        ),
        public=True,
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load crops of 16 to 256 pixels, 32 unless a size is given.

        Raises:
            DataError: for another size, or if scikit-image was installed without its files.
        """
        size = OWN_SIZE if request.size is None else request.size
        if not SIZES[0] <= size <= SIZES[1]:
            raise DataError(
                f"'{self.card.name}' has images of {SIZES[0]} to {SIZES[1]} px, not {size}: "
                "choose such a --size, or use your own photographs with folder:DIR."
            )
        sets = select(
            self.card.name,
            replace(request, size=size),
            _crops(VICTIMS, size, request.seed, "victims", request.victims + request.distractors),
            _crops(ADVERSARY, size, request.seed, "adversary", request.adversary),
        )
        note = (OVERLAP_NOTE.format(len(VICTIMS)),) if request.victims else ()
        return replace(sets, notes=sets.notes + note)

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        return of_files((name, _place(name)) for name in (*VICTIMS, *ADVERSARY))


def all_crops(size: int, count: int, seed: int) -> Pixels:
    """Crops of all photographs, ``(count, size, size, 3)``, without torch.

    Raises:
        DataError: if scikit-image was installed without its files.
    """
    crops = _crops((*ADVERSARY, *VICTIMS), size, seed, "adversary", count)
    return np.stack([pixels for _, pixels in islice(crops, count)])


def _crops(
    names: tuple[str, ...], size: int, seed: int, side: str, count: int
) -> Iterator[tuple[str, Pixels]]:
    """Crops of each photograph in turn; the first ones are the same for every count."""
    photographs = [(name, _photograph(name)) for name in names]
    rng = numpy_stream(seed, "data", "photos", side)
    for i in range(TRIES_PER_CROP * (count + len(names))):
        name, photograph = photographs[i % len(names)]
        pixels = _crop(photograph, size, rng, mirror=side == "adversary")
        if pixels.mean(axis=2).std() >= LEAST_CONTRAST:
            yield f"{name} #{i}", pixels


def _crop(photograph: Image, size: int, rng: np.random.Generator, *, mirror: bool) -> Pixels:
    """One crop ``(size, size, 3)``; takes four numbers from ``rng``, whatever they are."""
    from PIL.Image import Resampling

    scale, right, down, side = rng.random(4)
    longest = min(photograph.size)
    shortest = max(size, SMALLEST_PART * longest)
    edge = round(shortest * math.exp(scale * math.log(longest / shortest)))
    left = int(right * (photograph.width - edge + 1))
    top = int(down * (photograph.height - edge + 1))
    crop = photograph.resize(
        (size, size),
        Resampling.LANCZOS,
        box=(left, top, left + edge, top + edge),
        reducing_gap=2.0,
    )
    pixels: Pixels = np.asarray(crop)
    return pixels[:, ::-1] if mirror and side < 0.5 else pixels


def _photograph(name: str) -> Image:
    from ppattack.data.decoding import UnreadableImage, open_image

    try:
        return open_image(_place(name))[0].convert("RGB")
    except UnreadableImage as error:
        raise DataError(
            f"the photograph {error.path} {error.reason}: reinstall scikit-image with "
            "'pip install --force-reinstall scikit-image', or use your own with folder:DIR."
        ) from None


def _place(name: str) -> Path:
    """Where scikit-image keeps a photograph."""
    # Found without importing scikit-image, whose own loaders may use the network.
    spec = importlib.util.find_spec("skimage")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise DataError("'photos' needs scikit-image: pip install scikit-image.")
    return Path(places[0]) / "data" / name
