"""``samples.png``: plain image, ciphertext and reconstruction, with the scores under each.

``samples/`` holds the same images as files, ``<rank>-<number>-<role>.png``: the rank counts from
the least recovered image, the number is the image's row in ``scores.csv``. Large ones are made
smaller. ``sheet.png`` shows the first reconstructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ppattack.data.image_files import as_picture, draw_sheet, thumbnail, write_picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

COLUMNS = 8
"""Images shown: from the least to the best recovered, at even ranks."""
FILE_EDGE = 128
"""Pixels of the longer edge of a file in ``samples/`` at most."""
EDGE, GAP, LINE, TITLE = 160, 10, 17, 500
"""Sizes in the picture, pixels: edge of an image, space between two, height of a line of text,
width of the title."""


def draw_samples(
    path: Path,
    plain: Tensor | None,
    ciphertexts: Tensor,
    reconstructions: Tensor,
    columns: Mapping[str, NDArray[np.float64]],
) -> None:
    """Write the picture.

    Args:
        path: the PNG file.
        plain: ``(N, C, H, W)`` uint8, or None if it is not known.
        ciphertexts: ``(N, C, H', W')`` uint8; anything else is left out.
        reconstructions: ``(N, C, H, W)`` uint8.
        columns: per-image values by ``<metric>.<role>``.
    """
    from PIL import Image, ImageDraw, ImageFont

    chosen = _chosen(len(reconstructions), columns.get("ssim.reconstruction"))
    rows = _rows(plain, ciphertexts, reconstructions)
    height = EDGE + 4 * LINE
    size = max(TITLE, GAP + len(chosen) * (EDGE + GAP)), 2 * LINE + len(rows) * height
    canvas = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(LINE - 4)
    if len(chosen) > 1 and "ssim.reconstruction" in columns:
        title = "from the least recovered image (left) to the best recovered (right), even ranks"
        pen.text((GAP, LINE // 2), title, "black", font)
    for row, (role, images) in enumerate(rows.items()):
        top = 2 * LINE + row * height
        pen.text((GAP, top), role, "black", font)
        for place, index in enumerate(chosen):
            left = GAP + place * (EDGE + GAP)
            canvas.paste(_picture(images[index]), (left, top + LINE))
            caption = _caption(columns, role, index)
            pen.multiline_text((left, top + LINE + EDGE + 2), caption, "black", font, spacing=1)
    write_picture(path, canvas)


def write_samples(
    folder: Path,
    plain: Tensor | None,
    ciphertexts: Tensor,
    reconstructions: Tensor,
    columns: Mapping[str, NDArray[np.float64]],
) -> None:
    """Write the images that :func:`draw_samples` shows, and a sheet of the first ones.

    Args:
        folder: where the PNG files go.
        plain: as there, like the rest.
        ciphertexts: likewise.
        reconstructions: likewise.
        columns: likewise.
    """
    chosen = _chosen(len(reconstructions), columns.get("ssim.reconstruction"))
    for role, images in _rows(plain, ciphertexts, reconstructions).items():
        for rank, index in enumerate(chosen):
            picture = thumbnail(images[index], FILE_EDGE)
            write_picture(folder / f"{rank}-{index:05d}-{role}.png", picture)
    draw_sheet(folder / "sheet.png", reconstructions)


def _rows(plain: Tensor | None, ciphertexts: Tensor, reconstructions: Tensor) -> dict[str, Tensor]:
    """What there is to show, by role."""
    rows = {} if plain is None else {"plain": plain}
    if ciphertexts.ndim == 4 and not ciphertexts.is_floating_point():
        rows["ciphertext"] = ciphertexts
    return {**rows, "reconstruction": reconstructions}


def _chosen(count: int, ssim: NDArray[np.float64] | None) -> list[int]:
    order = np.arange(count) if ssim is None else np.argsort(ssim, kind="stable")
    ranks = np.linspace(0, count - 1, min(COLUMNS, count)).round().astype(int)
    return [int(order[rank]) for rank in ranks]


def _picture(image: Tensor) -> Image:
    """The image as large as the square that it is shown in; single pixels stay visible."""
    from PIL.Image import Resampling

    shown = as_picture(image)
    scale = EDGE / max(shown.size)
    edges = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    way = Resampling.NEAREST if scale > 1 else Resampling.BOX
    return shown.resize(edges, way).convert("RGB")


def _caption(columns: Mapping[str, NDArray[np.float64]], role: str, index: int) -> str:
    parts = []
    for metric, label in (("ssim", "SSIM"), ("lpips", "LPIPS")):
        values = columns.get(f"{metric}.{role}")
        if values is not None:
            parts.append(f"{label} {values[index]:.3f}")
    return "\n".join(parts)
