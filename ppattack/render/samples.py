"""``samples.png``: plain image, ciphertext and reconstruction, with the scores under each."""

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
    rows: list[tuple[str, Tensor, str]] = []
    if plain is not None:
        rows.append(("plain", plain, ""))
    if ciphertexts.ndim == 4 and not ciphertexts.is_floating_point():
        rows.append(("ciphertext", ciphertexts, "ciphertext"))
    rows.append(("reconstruction", reconstructions, "reconstruction"))
    width, height = 1.5 * len(chosen) + 0.5, 1.9 * len(rows) + 0.4
    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    axes: NDArray[Any] = figure.subplots(len(rows), len(chosen), squeeze=False)
    figure.subplots_adjust(
        left=0.4 / width, right=1 - 0.05 / width, bottom=0.4 / height, top=1 - 0.4 / height,
        wspace=0.06, hspace=0.3,
    )  # fmt: skip
    for (title, images, role), line in zip(rows, axes, strict=True):
        line[0].set_ylabel(title)
        for index, axis in zip(chosen, line, strict=True):
            _show(axis, images[index], _caption(columns, role, index))
    if len(chosen) > 1 and "ssim.reconstruction" in columns:
        title = "from the least recovered image (left) to the best recovered (right), even ranks"
        figure.suptitle("\n".join(textwrap.wrap(title, int(11 * width))), fontsize=9)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_bytes(path, data.getvalue())


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
