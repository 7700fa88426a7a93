"""What a folder of ciphertexts is, as one HTML file with the evidence as pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ppattack
from ppattack.identify.sample import Sample
from ppattack.render.environment import environment
from ppattack.reports.identification import Identification, IdentifiedProperty

WIDTH, HEIGHT, LEFT, BOTTOM = 400, 210, 40, 190
"""Pixels of a chart, and its axes."""
SHOWN = 4
"""Ciphertexts that are shown."""
LARGEST_PICTURE = 224
LAGS = 16
"""Pixels apart at which values are correlated, at most."""
BINS = 64
BY_BLOCK = {
    "block-edges": "Block edges: mean logarithm of the steps across seams over those beside",
    "shared-blocks": "One key in every block: squared products at equal places over unequal places",
    "own-blocks": "A key in each block: how much windows differ across the grid, z",
}


@dataclass(frozen=True)
class Picture:
    """An image inside the page: a data URI, what it shows, and its size in pixels."""

    uri: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: its place, size and label; ``marked`` if it is the answer."""

    x: float
    y: float
    width: float
    height: float
    label: str
    marked: bool


@dataclass(frozen=True)
class Chart:
    """Bars over a common axis.

    Args:
        title: what is shown.
        bars: from the left.
        top: the value at the upper edge.
        low: the value at the lower edge.
        line: where the bar of the property lies, pixels from above; None without one.
        words: the values for those who cannot see them.
    """

    title: str
    bars: tuple[Bar, ...]
    top: str
    low: str
    line: float | None
    words: str


def identification_html(found: Identification, arrays: NDArray[np.generic]) -> str:
    """The page.

    Args:
        found: what the folder is.
        arrays: the files that were looked at, without foreign ones.
    """
    images = arrays if arrays.dtype == np.uint8 else None
    charts = _block_charts(found.properties)
    pictures: list[tuple[str, list[Picture]]] = []
    if images is not None:
        sample = Sample(np.asarray(images, np.uint8))
        charts += [_folded_histogram(sample), *_correlations(sample)]
        pictures = _pictures(sample)
    return (
        environment()
        .get_template("identification.html")
        .render(
            found=found,
            charts=charts,
            pictures=pictures,
            canvas=(WIDTH, HEIGHT, LEFT, BOTTOM),
            version=ppattack.__version__,
            number=lambda value: "" if value is None else f"{value:.3g}",
        )
    )


def _block_charts(properties: Sequence[IdentifiedProperty]) -> list[Chart]:
    made = []
    for each in properties:
        values: Mapping[Any, float] = each.facts.get("by block size", {})
        if each.name in BY_BLOCK and values:
            labels = [str(block) for block in values]
            chosen = str(each.what)
            made.append(bars(BY_BLOCK[each.name], labels, list(values.values()), each.bar, chosen))
    return made


def bars(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    bar: float | None = None,
    chosen: str = "",
) -> Chart:
    """A chart of some values.

    Args:
        title: what they are.
        labels: one each.
        values: finite numbers.
        bar: where a line is drawn.
        chosen: the label of the bar that is marked.
    """
    extremes = [0.0, *values, *([] if bar is None else [bar])]
    low, high = min(extremes), max(extremes)
    high = high if high > low else low + 1
    scale = (BOTTOM - 10) / (high - low)
    step = (WIDTH - LEFT - 10) / max(len(values), 1)

    def place(value: float) -> float:
        return round(BOTTOM - (value - low) * scale, 2)

    made = [
        Bar(
            round(LEFT + step * (i + 0.1), 2),
            min(place(value), place(0)),
            round(step * 0.8, 2),
            max(1.0, round(abs(place(value) - place(0)), 2)),
            label,
            label == chosen,
        )
        for i, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    words = ", ".join(
        f"{label}: {value:.3g}" for label, value in zip(labels, values, strict=True) if label
    )
    line = None if bar is None else place(bar)
    return Chart(title, tuple(made), f"{high:.3g}", f"{low:.3g}", line, words)


def _folded_histogram(sample: Sample) -> Chart:
    counts = np.histogram(sample.folded, bins=BINS, range=(0, 128))[0]
    shares = counts / counts.sum() * BINS
    labels = [str(2 * i) if not i % 16 else "" for i in range(BINS)]
    title = "Histogram of |v - 127.5|, which complements leave alone; 1 everywhere in noise"
    return bars(title, labels, [float(share) for share in shares], 1.0)


def _correlations(sample: Sample) -> list[Chart]:
    lags = range(1, min(LAGS, sample.edges[1] - 1) + 1)
    made = []
    for title, values in (
        ("Correlation of bytes so many pixels apart, across", sample.signed),
        ("The same of |v - 127.5|, summed over channels", sample.folded.sum(1, keepdims=True)),
    ):
        centred = values - values.mean(axis=(2, 3), keepdims=True)
        power = float(np.square(centred).mean()) or 1.0
        row = [float((centred[..., lag:] * centred[..., :-lag]).mean()) / power for lag in lags]
        made.append(bars(title, [str(lag) for lag in lags], row))
    return made


def _pictures(sample: Sample) -> list[tuple[str, list[Picture]]]:
    """The first ciphertexts, and means over the files by position."""
    first = [
        _picture(image, f"ciphertext {i + 1}") for i, image in enumerate(sample.images[:SHOWN])
    ]
    means = [
        _picture(_stretched(sample.images.mean(axis=0)), "mean of all files by position"),
        _picture(_stretched(sample.folded.mean(axis=0)), "mean of |v - 127.5| by position"),
    ]
    return [("Ciphertexts", first), ("Means by position, contrast stretched", means)]


def _stretched(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-9) * 255, np.uint8)


def _picture(image: NDArray[np.uint8], alt: str) -> Picture:
    """``(C, H, W)`` as a PNG inside the page, no edge above ``LARGEST_PICTURE``."""
    from PIL import Image

    rows = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
    picture = Image.fromarray(rows)
    picture.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    data = io.BytesIO()
    picture.save(data, format="PNG")
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{text}", alt, picture.width, picture.height)
