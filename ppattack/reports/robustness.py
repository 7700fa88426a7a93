"""Figures of the published robustness evaluation, for comparison.

A. MaungMaung, H. Kiya: Privacy-Preserving Image Classification Using Isotropic Network. IEEE
MultiMedia 29(2), 2022, arXiv:2204.07707: Fig. 8 (10,000 CIFAR-10 test images under one key) and
Fig. 6 (one of them). Its code is github.com/ito-hiroki/learnable_encryption_robustness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["published", "corrected"]
PROTOCOLS: tuple[Protocol, ...] = ("published", "corrected")
ATTACKS = ("fr", "gan", "itn")
TARGETS = ("le", "ele", "pe", "etc")


@dataclass(frozen=True)
class PublishedBox:
    """A box of the published plot of absolute SSIM, read off its pixels to about ± 0.0006.

    Args:
        q1: lower end of the box.
        median: its line.
        q3: its upper end.
        whisker: upper end of the whisker.
        highest: the outermost point.
    """

    q1: float
    median: float
    q3: float
    whisker: float
    highest: float


_COLLAPSED = PublishedBox(0.0629, 0.0954, 0.1529, 0.286, 0.805)
BOXES: Mapping[tuple[str, str], PublishedBox] = {
    ("fr", "le"): PublishedBox(0.0271, 0.0516, 0.0820, 0.165, 0.33),
    ("fr", "ele"): PublishedBox(0.0130, 0.0238, 0.0368, 0.072, 0.12),
    ("fr", "pe"): PublishedBox(0.1520, 0.3098, 0.5202, 1.0, 1.0),
    ("fr", "etc"): PublishedBox(0.0184, 0.0390, 0.0672, 0.139, 0.44),
    ("gan", "le"): PublishedBox(0.6089, 0.6568, 0.6965, 0.827, 0.87),
    ("gan", "ele"): _COLLAPSED,
    ("gan", "pe"): PublishedBox(0.0536, 0.1183, 0.2154, 0.457, 0.90),
    ("gan", "etc"): _COLLAPSED,
    ("itn", "le"): PublishedBox(0.0015, 0.0026, 0.004, 0.008, 0.46),
    ("itn", "ele"): PublishedBox(0.0012, 0.0021, 0.003, 0.006, 0.45),
    ("itn", "pe"): PublishedBox(0.0, 0.0005, 0.0005, 0.0005, 0.43),
    ("itn", "etc"): PublishedBox(0.001, 0.0016, 0.002, 0.004, 0.44),
}
"""By attack and target. The median of ``itn`` on ``pe`` is published as below 0.0005."""
EXAMPLE: Mapping[str, Mapping[str, float]] = {
    "encrypted": {"le": 0.037, "ele": 0.002, "pe": 0.041, "etc": 0.047},
    "fr": {"le": 0.101, "ele": 0.055, "pe": 0.303, "etc": 0.042},
    "gan": {"le": 0.864, "ele": 0.009, "pe": 0.109, "etc": 0.018},
    "itn": {"le": 0.281, "ele": 0.071, "pe": 0.017, "etc": 0.025},
}
"""SSIM of the one image that the publication shows; its ``itn`` is not the network
behind the boxes."""


@dataclass(frozen=True)
class Row:
    """One attack on one target.

    Args:
        protocol: published or corrected.
        attack: its name in the table.
        target: registered name of the scheme.
        absolute: quartiles, whisker and extreme of |SSIM|: ``q1``, ``median``, ``q3``,
            ``whisker``, ``highest``; None if nothing was scored.
        mean: SSIM with its sign.
        gain: over the best blind baseline.
        verdict: of the run; ``failed`` or ``not applicable`` if there is none.
        collapsed: whether the reconstructions do not depend on the ciphertexts.
        example: |SSIM| of the first image, and of its ciphertext.
        published: the published box, if there is one.
        published_example: the published SSIM of one image, likewise.
        run: name of the run's folder.
        command: the command that runs it alone.
        threads: that it was computed with.
    """

    protocol: Protocol
    attack: str
    target: str
    absolute: Mapping[str, float] | None
    mean: float | None
    gain: float | None
    verdict: str
    collapsed: bool
    example: tuple[float, float] | None
    published: Mapping[str, float] | None
    published_example: float | None
    run: str | None
    command: str
    threads: int | None = None


@dataclass(frozen=True)
class RobustnessTable:
    """The finished table.

    Args:
        data: the images, as the runs name them.
        victims: images scored in each run.
        baselines: quartiles of |SSIM| of images that depend on no ciphertext, by name.
        rows: one attack on one target each.
    """

    data: str
    victims: int
    baselines: Mapping[str, float]
    rows: tuple[Row, ...]
