"""Images that show the same are left out together, so that an image left out is really gone."""

from __future__ import annotations

import torch
from torch import Tensor

EDGE = 16
"""Edge of a thumbnail, pixels."""
ALIKE = 0.9
"""Correlation of two thumbnails, one of them mirrored or not, above which they show the same."""
KEPT = 65_536
"""Candidates whose thumbnails are kept, at most; of more, thumbnails are made when needed."""
AT_ONCE = 1024


class Lookalikes:
    """Thumbnails of the candidates.

    Args:
        images: ``(M, C, H, W)`` uint8.
    """

    def __init__(self, images: Tensor) -> None:
        self._images = images
        self._thumbnails: Tensor | None = None
        if len(images) <= KEPT:
            self._thumbnails = torch.cat([thumbnails(part) for part in images.split(AT_ONCE)])

    def _of(self, rows: Tensor) -> Tensor:
        if self._thumbnails is not None:
            return self._thumbnails[rows]
        found, place = rows.unique(return_inverse=True)
        return torch.cat([thumbnails(self._images[part]) for part in found.split(AT_ONCE)])[place]

    def among(self, rows: Tensor, others: Tensor) -> Tensor:
        """``(Q, T)`` bool: which of candidates ``(Q, T)`` show the same as those of ``(Q,)``."""
        ours, theirs = self._of(rows), self._of(others).flatten(2)
        alike = [
            torch.bmm(theirs, each.flatten(1)[:, :, None])[:, :, 0] > ALIKE
            for each in (ours, ours.flip(3))
        ]
        return alike[0] | alike[1]


def thumbnails(images: Tensor) -> Tensor:
    """``(N, C, 16, 16)`` float32 of images ``(N, C, H, W)`` uint8, of length one without mean."""
    height, width = (min(EDGE, edge) for edge in images.shape[2:])
    small: Tensor = torch.nn.functional.adaptive_avg_pool2d(images.float(), (height, width))
    small = small - small.mean(dim=(1, 2, 3), keepdim=True)
    length: Tensor = small.flatten(1).norm(dim=1).clamp_min(1e-6)
    return small / length[:, None, None, None]
