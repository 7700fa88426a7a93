"""``samples.png``: plain image, ciphertext and reconstruction, with the scores under each.

``samples/`` holds the same images as files, ``<rank>-<number>-<role>.png``: the rank counts from
the least recovered image, the number is the image's row in ``scores.csv``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

COLUMNS = 8
"""Images shown: from the least to the best recovered, at even ranks."""


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
        plain: ``(N, C, H, W)`` uint8, or None where it is not known.
        ciphertexts: ``(N, C, H', W')`` uint8; anything else is left out.
        reconstructions: ``(N, C, H, W)`` uint8.
        columns: per-image values by ``<metric>.<role>``.
    """
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = _chosen(len(reconstructions), columns.get("ssim.reconstruction"))
    rows = _rows(plain, ciphertexts, reconstructions)
    width, height = 1.5 * len(chosen) + 0.5, 1.9 * len(rows) + 0.4
    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    axes: NDArray[Any] = figure.subplots(len(rows), len(chosen), squeeze=False)
    figure.subplots_adjust(
        left=0.4 / width, right=1 - 0.05 / width, bottom=0.4 / height, top=1 - 0.4 / height,
        wspace=0.06, hspace=0.3,
    )  # fmt: skip
    for (role, images), line in zip(rows.items(), axes, strict=True):
        line[0].set_ylabel(role)
        for index, axis in zip(chosen, line, strict=True):
            _show(axis, images[index], _caption(columns, role, index))
    if len(chosen) > 1 and "ssim.reconstruction" in columns:
        title = "from the least recovered image (left) to the best recovered (right), even ranks"
        figure.suptitle("\n".join(textwrap.wrap(title, int(11 * width))), fontsize=9)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_bytes(path, data.getvalue())


def write_samples(
    folder: Path,
    plain: Tensor | None,
    ciphertexts: Tensor,
    reconstructions: Tensor,
    columns: Mapping[str, NDArray[np.float64]],
) -> None:
    """Write the images that :func:`draw_samples` shows, each as it is.

    Args:
        folder: where the PNG files go.
        plain: as there, like the rest.
        ciphertexts: likewise.
        reconstructions: likewise.
        columns: likewise.
    """
    from ppattack.data.image_files import write_png

    chosen = _chosen(len(reconstructions), columns.get("ssim.reconstruction"))
    for role, images in _rows(plain, ciphertexts, reconstructions).items():
        for rank, index in enumerate(chosen):
            write_png(folder / f"{rank}-{index:05d}-{role}.png", images[index])


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


def _show(axis: Axes, image: Tensor, caption: str) -> None:
    pixels = image.permute(1, 2, 0).cpu().numpy()
    if pixels.shape[2] == 1:
        axis.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        axis.imshow(pixels, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_xlabel(caption, fontsize=8)


def _caption(columns: Mapping[str, NDArray[np.float64]], role: str, index: int) -> str:
    parts = []
    for metric, label in (("ssim", "SSIM"), ("lpips", "LPIPS")):
        values = columns.get(f"{metric}.{role}")
        if values is not None:
            parts.append(f"{label} {values[index]:.3f}")
    return "\n".join(parts)
