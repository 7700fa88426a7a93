"""``curve.png``: SSIM and key fraction against the setting that changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ppattack.reports.curve import Curve


def draw_curve(path: Path, curve: Curve) -> None:
    """Write the picture.

    Args:
        path: the PNG file.
        curve: if all its values are numbers above zero, the axis is to scale, and logarithmic
            unless they are JPEG qualities; other values stand side by side.
    """
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values = [point.value for point in curve.points]
    places = _places(axes, values, logarithmic=curve.setting != "jpeg")
    series = [
        ("SSIM", [point.ssim for point in curve.points], "o-"),
        ("SSIM in the best state", [point.best_state for point in curve.points], "^-."),
        ("SSIM, best blind baseline", [point.baseline for point in curve.points], "k:"),
        ("key recovered", [point.key for point in curve.points], "s--"),
    ]
    for label, heights, style in series:
        seen = [(x, y) for x, y in zip(places, heights, strict=True) if y is not None]
        if seen:
            axes.plot(*zip(*seen, strict=True), style, label=label)
    known = [
        (x, point.ssim_low, point.ssim_high)
        for x, point in zip(places, curve.points, strict=True)
        if point.ssim_low is not None and point.ssim_high is not None
    ]
    if known:
        x, low, high = zip(*known, strict=True)
        axes.fill_between(x, low, high, alpha=0.2, linewidth=0)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
    axes.set_xlabel(curve.setting)
    axes.set_ylabel("fraction; SSIM (mean, 95 % interval)")
    axes.set_title(f"{curve.attack} on {curve.target}, {curve.data}", fontsize=9)
    axes.grid(alpha=0.3)
    if axes.has_data():
        axes.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_bytes(path, data.getvalue())


def _places(axes: Axes, values: list[str], *, logarithmic: bool) -> list[float]:
    """Where each value stands; sets up the axis."""
    numbers = [_number(value) for value in values]
    known = [number for number in numbers if number is not None and number > 0]
    places = known if len(known) == len(values) else [float(i) for i in range(len(values))]
    if places is known and logarithmic:
        axes.set_xscale("log")
    axes.set_xticks(places, values)
    axes.minorticks_off()
    return places


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
