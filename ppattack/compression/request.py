"""What a comparison of file sizes is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppattack.compression.codecs import QUALITIES
from ppattack.request import as_paths
from ppattack.threat import KeyScope


@dataclass(frozen=True)
class CompressionRequest:
    """What to measure.

    Args:
        targets: registered names or ``path/to/file.py:Class``.
        data: image source, ``name`` or ``name:argument``; its victims' side.
        size: edge of the images in pixels; None for the source's own.
        window: ``CENTRE,WIDTH`` or ``full``: which levels of images of more than 8 bits become
            black and white; None for what their files say.
        images: how many.
        codecs: names of codecs, each of which must be installed; None for all,
            with the reason for those that are not installed.
        qualities: of JPEG, if ``codecs`` is None.
        key_scope: ``dataset``, ``image`` or None for each target's default.
        target_settings: over every target's defaults.
        own_settings: by target as named in ``targets``, over these.
        seed: one number for everything random.
        out: folder of the folders.
        force: measure again what is finished.
        download: whether data may be fetched.
    """

    targets: tuple[str, ...]
    data: str = "photos"
    size: int | None = None
    window: str | None = None
    images: int = 256
    codecs: tuple[str, ...] | None = None
    qualities: tuple[int, ...] = QUALITIES
    key_scope: KeyScope | None = None
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    own_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    out: Path = Path("runs")
    force: bool = False
    download: bool = False

    def __post_init__(self) -> None:
        as_paths(self, "out")
