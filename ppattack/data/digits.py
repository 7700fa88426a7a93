"""Handwritten digits that are installed with scikit-learn: classes without a download.

1,797 grey images of 8 pixels and 17 levels in 10 classes, enlarged (to 32 pixels unless a size is
given) and given three equal channels, so that every scheme and classifier accepts them. The seed
chooses the victims' images; the adversary has the others. It is the only labelled set that comes
with a package; crops of a few photographs would not do, since the crops to test on would overlap
with those to train on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.selection import Counted, Pixels, select
from ppattack.data.source import ImageRequest, ImageSets, ImageSource, SourceCard
from ppattack.errors import DataError
from ppattack.seeding import numpy_stream

OWN_SIZE = 32
BRIGHTEST = 16


class Digits(ImageSource):
    """The digits of scikit-learn."""

    card = SourceCard(
        name="digits",
        title="handwritten digits installed with scikit-learn, 10 classes (no download)",
        reference=Reference(
            authors="E. Alpaydin, C. Kaynak",
            title="Optical recognition of handwritten digits",
            venue="UCI Machine Learning Repository",
            year=1998,
            doi="10.24432/C50P49",
        ),
    )

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load digits, of 32 pixels unless a size is given.

        Raises:
            DataError: if scikit-learn is not installed, or has too few images.
        """
        images = list(_images(request.seed))
        wanted = replace(request, size=OWN_SIZE if request.size is None else request.size)
        return select(
            self.card.name, wanted, Counted(images, len(images)), Counted(images, len(images))
        )

    @override
    def fingerprint(self, *, labels: bool) -> str | None:
        try:
            return f"scikit-learn {version('scikit-learn')}"
        except PackageNotFoundError:
            return None


def _images(seed: int) -> Iterator[tuple[str, Pixels, str]]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"'digits' comes with scikit-learn, which is not installed ({error}): "
            "pip install 'ppattack[utility]'."
        ) from None
    found = load_digits()
    levels = np.rint(found.images * (255 / BRIGHTEST)).astype(np.uint8)
    for row in numpy_stream(seed, "data", "digits").permutation(len(levels)).tolist():
        pixels = np.repeat(levels[row][:, :, None], 3, axis=2)
        yield f"digit #{row}", pixels, str(found.target[row])
