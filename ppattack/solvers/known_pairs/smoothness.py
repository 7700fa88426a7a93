"""How rough images are, which tells a decrypted photograph from noise."""

from __future__ import annotations

from torch import Tensor

from ppattack import images as image_ops


def roughness(images: Tensor) -> float:
    """The mean squared difference of neighbouring pixels, down and across, in squared levels.

    Args:
        images: ``(N, C, H, W)`` uint8; a direction with a single row or column is left out.

    Returns:
        0.0 for constant images and for single pixels.
    """
    values = image_ops.check(images).float()
    steps = [values.diff(dim=2), values.diff(dim=3)]
    count = sum(step.numel() for step in steps)
    return float(sum(float(step.square().sum()) for step in steps) / max(count, 1))
