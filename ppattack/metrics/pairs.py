"""What every image metric requires of its two batches, and how it goes through them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError


def check_pair(x: Tensor, y: Tensor) -> None:
    """Refuse two batches that cannot be compared image by image.

    Raises:
        ImageError: if one breaks the image convention, or shapes or devices differ.
    """
    image_ops.check(x, "the first images")
    image_ops.check(y, "the second images")
    if x.shape != y.shape:
        raise ImageError(
            f"the images to compare have shapes {tuple(x.shape)} and {tuple(y.shape)}: "
            "give both the same number, channels and size (ppattack.images.crop cuts padding off)."
        )
    if x.device != y.device:
        raise ImageError(
            f"the images to compare are on {x.device} and {y.device}: move one with x.to(y.device)."
        )


def chunks(count: int, step: int) -> Iterator[slice]:
    """Slices of ``step`` (at least 1) that cover ``count`` things."""
    step = max(1, step)
    for start in range(0, count, step):
        yield slice(start, start + step)
