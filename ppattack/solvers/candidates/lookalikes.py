"""Images that show the same: left out together, so that an image that is left out is really gone."""

from __future__ import annotations

import torch
from torch import Tensor

EDGE = 16
"""Of the thumbnails that are compared, pixels."""
ALIKE = 0.9
"""Correlation of two thumbnails, one of them mirrored or not, above which they show the same."""
AT_ONCE = 1024


class Lookalikes:
    """Thumbnails of the candidates.

    Args:
        images: ``(M, C, H, W)`` uint8.
    """

    def __init__(self, images: Tensor) -> None:
        parts = [_thumbnails(part) for part in images.split(AT_ONCE)]
        self._thumbnails = torch.cat(parts)

    def of(self, rows: Tensor) -> Tensor:
        """``(Q, M)`` bool: which candidates show the same as candidates ``(Q,)``; itself always."""
        ours = self._thumbnails[rows]
        theirs = self._thumbnails.flatten(1).T
        alike = ours.flatten(1) @ theirs > ALIKE
        alike |= ours.flip(3).flatten(1) @ theirs > ALIKE
        alike[torch.arange(len(rows), device=rows.device), rows] = True
        return alike


def _thumbnails(images: Tensor) -> Tensor:
    size = tuple(min(EDGE, edge) for edge in images.shape[2:])
    small = torch.nn.functional.adaptive_avg_pool2d(images.float(), size)
    small = small - small.mean(dim=(1, 2, 3), keepdim=True)
    return small / small.flatten(1).norm(dim=1).clamp_min(1e-6)[:, None, None, None]
