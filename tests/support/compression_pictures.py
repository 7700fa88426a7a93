"""Pictures like photographs, and requests that take a second."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ppattack.compression.request import CompressionRequest
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest
from ppattack.seeding import numpy_stream
from ppattack.target import Key, Target


@cache
def photographs(count: int = 6, size: int = 128) -> torch.Tensor:
    """``(count, 3, size, size)`` uint8 crops of real photographs."""
    return Photos().load(ImageRequest(count, 0, size)).victims


def a_key(target: Target, images: torch.Tensor) -> Key:
    """A key for images of this size."""
    channels, height, width = images.shape[1:]
    return target.generate_key(numpy_stream(0, "key"), (channels, height, width))


def request(out: Path, *targets: str, **changes: Any) -> CompressionRequest:
    """Few small images, two codecs."""
    base = CompressionRequest(
        targets or ("etc",), images=4, size=32, codecs=("jpeg-85-420", "png"), out=out
    )
    return replace(base, **changes)
