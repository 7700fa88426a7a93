"""The patch embedding of a ConvMixer: what it looks for in plain and in encrypted images."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppattack.files import write_bytes

Filters = NDArray[np.float32]
INCHES = 3.4
BETWEEN = 0.12
"""Space between two pictures, as a share of their width."""
DOTS_PER_INCH = 150
LEAST_GAP = 1


def draw_embeddings(path: Path, embeddings: Mapping[str, Filters]) -> None:
    """Write one PNG with the filters of every classifier.

    Args:
        path: the file.
        embeddings: ``(D, C, P, P)`` by title, C = 1 or 3.

    Raises:
        DataError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES * len(embeddings), INCHES + 0.4))
    figure.set_layout_engine("constrained", wspace=BETWEEN)
    for place, (title, filters) in enumerate(embeddings.items(), start=1):
        axes = figure.add_subplot(1, len(embeddings), place)
        axes.imshow(mosaic(filters), interpolation="nearest")
        axes.set_title(title, parse_math=False)
        axes.set_axis_off()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DOTS_PER_INCH)
    write_bytes(path, data.getvalue())


def mosaic(filters: Filters) -> Filters:
    """Filters side by side, the strongest first.

    Args:
        filters: ``(D, C, P, P)``, C = 1 or 3.

    Returns:
        ``(H, W, 3)`` in [0, 1]: in every filter, grey stands for 0 and black or white for its
        largest weight; the space between filters is white.
    """
    count, _, height, width = filters.shape
    order = np.argsort(-np.square(filters).sum(axis=(1, 2, 3)), kind="stable")
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    shown = 0.5 + 0.5 * filters / np.where(largest > 0, largest, 1)
    gap = max(LEAST_GAP, height // 4)
    columns = math.ceil(math.sqrt(count))
    down, right = height + gap, width + gap
    rows = math.ceil(count / columns)
    made = np.ones((rows * down - gap, columns * right - gap, 3), np.float32)
    for place, index in enumerate(order):
        top, left = (place // columns) * down, (place % columns) * right
        made[top : top + height, left : left + width] = shown[index].transpose(1, 2, 0)
    return made
