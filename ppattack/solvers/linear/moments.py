"""Second moments of the vectors of natural images, from windows at any place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from ppattack.target.linear_form import LinearForm

WINDOWS = 2500
"""Windows of an image that count, at most about."""
IMAGES = 64
"""Images whose windows count, at most."""


def window_moments(images: Tensor, form: LinearForm) -> Tensor:
    """``(D, D)`` float64: mean ``x xᵀ`` of vectors at any place, mirrored ones too.

    Args:
        images: ``(N, C, H, W)`` uint8.
        form: says what a vector is.
    """
    edge, channels = form.block_size, images.shape[1]
    by_rows = form.vectors == "rows"
    window = (1, edge) if by_rows else (edge, edge)
    total: Tensor | None = None
    for image in images[:IMAGES]:
        values = form.values(image[None])
        step = max(1, round(math.sqrt(values[0, 0].numel() / WINDOWS)))
        both = torch.cat([values, values.flip(3)])
        if by_rows:
            both = both.flatten(0, 1)[:, None]
        windows = functional.unfold(both, window, stride=step)  # (., C·h·w, L)
        rows = windows.transpose(1, 2).flatten(0, 1)
        if not by_rows:
            rows = rows.unflatten(1, (channels, -1)).transpose(1, 2).flatten(1)
        found = rows.double().T @ rows.double() / len(rows)
        total = found if total is None else total + found
    assert total is not None  # noqa: S101
    return total / min(len(images), IMAGES)
