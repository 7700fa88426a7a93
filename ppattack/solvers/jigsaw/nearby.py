"""Pieces that may be neighbours, without a look at every seam in every state.

The mean of each channel along a border hardly changes across a seam. The states of a piece put the
channels in another order and change all their signs, so the difference of two borders is never
less, whatever the states, than that of their sorted means. That takes one comparison where
the seam itself takes one for every state.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices
from ppattack.solvers.jigsaw.lines import MIDDLE

SIDES = 4
MOST_IMAGES = 16
"""Images under one key that are looked at. With 16, the neighbours of blocks of 4 pixels of
photographs were among the 32 nearest of 3,136; with one, 77 % were among the 128 nearest."""
FLOOR = 4.0
"""Added to squared differences of means, squared grey levels: less means nothing."""
CHUNK_NUMBERS = 1 << 22
"""Numbers held at a time."""


def nearest(pieces: Tensor, kept: int) -> Indices:
    """``(n, K)``: for each piece those whose borders are most like one of its own.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
        kept: K, less than n.
    """
    count = pieces.shape[1]
    means = [_border_means(image) for image in pieces[:MOST_IMAGES]]  # (n · 4, C)
    step = max(1, CHUNK_NUMBERS // (SIDES**2 * count))
    parts = []
    for start in range(0, count, step):
        stop = min(count, start + step)
        distance = torch.zeros(stop - start, count, device=pieces.device)
        for border in means:
            distance += _differences(border[SIDES * start : SIDES * stop], border)
        distance[torch.arange(stop - start), torch.arange(start, stop)] = float("inf")
        parts.append(distance.topk(kept, dim=1, largest=False).indices)
    return torch.cat(parts).cpu().numpy().astype(np.intp)


def _border_means(image: Tensor) -> Tensor:
    """``(n · 4, C)``: the mean of each channel along each border, about mid-grey."""
    pixels = image.float() - MIDDLE
    lines = [pixels[..., -1], pixels[..., -1, :], pixels[..., 0], pixels[..., 0, :]]
    return torch.stack([line.mean(2) for line in lines], 1).flatten(0, 1)


def _differences(ours: Tensor, theirs: Tensor) -> Tensor:
    """``(a, b)``: logarithm of the least difference of any border of each with any of others."""
    own = ours.sort(1).values
    upright, negative = theirs.sort(1).values, (-theirs).sort(1).values
    least = torch.minimum(torch.cdist(own, upright), torch.cdist(own, negative))
    least = least.view(len(ours) // SIDES, SIDES, -1, SIDES).amin((1, 3))
    return least.square_().add_(FLOOR).log_()
