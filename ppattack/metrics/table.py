"""The table of metrics: names, directions and ranges. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricCard:
    """What a metric is.

    Args:
        name: as in reports.
        title: one line for people.
        better: whether higher or lower values mean that the attack recovered more.
        perfect: the value of an exact recovery.
        blind: mean of the best blind guess (a constant, the mean image, a random public image) on
            natural photographs, between 32 and 224 pixels; only a guide, since a run measures its
            own. None if there is no rule of thumb.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    perfect: float
    blind: tuple[float, float] | None = None


def _table(*cards: MetricCard) -> dict[str, MetricCard]:
    return {card.name: card for card in cards}


IMAGE_METRICS = _table(
    MetricCard(
        "ssim",
        "structural similarity, scikit-image's defaults (uniform 7x7)",
        "higher",
        1.0,
        (0.12, 0.31),
    ),
    MetricCard(
        "ssim_wang2004",
        "structural similarity, Wang et al. 2004 (Gaussian 1.5)",
        "higher",
        1.0,
        (0.12, 0.34),
    ),
    MetricCard("psnr", "peak signal-to-noise ratio, dB", "higher", 100.0, (11.7, 12.9)),
    MetricCard("mse", "mean squared error, squared grey levels", "lower", 0.0, (3900.0, 5000.0)),
    MetricCard("lpips", "learned perceptual distance, LPIPS v0.1", "lower", 0.0, (0.22, 0.74)),
)
OTHER_METRICS = _table(
    MetricCard("key", "fraction of the key's index and mask symbols that are right", "higher", 1.0),
    MetricCard("matching", "fraction of ciphertexts matched to their plain image", "higher", 1.0),
    MetricCard("puzzle", "fraction of neighbouring blocks put side by side", "higher", 1.0),
    MetricCard(
        "reidentification",
        "fraction of images named among many by the reconstruction",
        "higher",
        1.0,
    ),
    MetricCard(
        "recognisability", "share of other images more like the reconstruction", "lower", 0.0
    ),
    MetricCard("classification", "fraction of images whose class is named", "higher", 1.0),
)
