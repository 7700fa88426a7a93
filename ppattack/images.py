"""The one image convention: ``torch.uint8``, ``(N, C, H, W)``, 0..255, C of 1 or 3.

Plain images, image ciphertexts and reconstructions follow it at every module border.
Networks and metrics convert inside themselves with :func:`to_float` and :func:`from_float`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ppattack.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = (1, 3)
ImageShape = tuple[int, int, int]
"""``(C, H, W)``."""


def check(images: Any, name: str = "images") -> Tensor:
    """Return ``images`` if it follows the convention.

    Raises:
        ImageError: with the shape, dtype and range found, and the fix.
    """
    import torch

    if not isinstance(images, torch.Tensor):
        raise ImageError(
            f"{name} is a {type(images).__name__}, not a torch.Tensor: "
            "use torch.from_numpy(array) and the shape (N, C, H, W)."
        )
    shape = tuple(images.shape)
    if images.dtype != torch.uint8:
        raise ImageError(
            f"{name} has dtype {images.dtype}{_range(images)}, not torch.uint8: "
            "convert floats in [0, 1] with ppattack.images.from_float(x)."
        )
    if images.ndim != 4:
        raise ImageError(
            f"{name} has shape {shape}, not (N, C, H, W): "
            "add a batch axis with x[None], move channels first with x.permute(0, 3, 1, 2)."
        )
    if shape[1] not in CHANNELS:
        layout = " (channels last? use x.permute(0, 3, 1, 2))" if shape[3] in CHANNELS else ""
        raise ImageError(f"{name} has shape {shape}: C must be 1 or 3{layout}.")
    if 0 in shape[1:]:
        raise ImageError(f"{name} has shape {shape}: an image must have at least one pixel.")
    return images


def to_float(images: Tensor) -> Tensor:
    """Images as float32 in [0, 1]."""
    import torch

    return images.to(torch.float32).div_(255.0)


def from_float(values: Tensor) -> Tensor:
    """Float values in [0, 1] as uint8, clipped and rounded to nearest (never truncated).

    Raises:
        ImageError: if a value is NaN.
    """
    import torch

    if bool(torch.isnan(values).any()):
        raise ImageError("the float images hold NaN: the computation that made them diverged.")
    return values.clamp(0.0, 1.0).mul(255.0).round_().to(torch.uint8)


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Replicate the last row and column until H and W are multiples of ``multiple``."""
    height, width = images.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if down:
        images = _repeat_last(images, down, dim=-2)
    if right:
        images = _repeat_last(images, right, dim=-1)
    return images


def _repeat_last(images: Tensor, times: int, dim: int) -> Tensor:
    import torch

    last = images.narrow(dim, images.shape[dim] - 1, 1)
    sizes = [-1] * images.ndim
    sizes[dim] = times
    return torch.cat([images, last.expand(sizes)], dim=dim)


def crop(images: Tensor, height: int, width: int) -> Tensor:
    """The top-left ``height`` × ``width`` part: undoes :func:`pad_to_multiple`."""
    return images[..., :height, :width].contiguous()


def _range(images: Tensor) -> str:
    if images.numel() == 0 or images.is_complex():
        return ""
    return f" and values {images.min().item():g}..{images.max().item():g}"
