"""Blocks of JPEG images with halved colours, freed from what decoders mix in across borders.

Decoders enlarge halved colours smoothly: a pixel takes three quarters of its own colour sample
and one quarter of the next, along both axes. At the border of a block the next sample is another
block's. The lines inside are not affected, and they determine the block's own samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def without_neighbours(pieces: Tensor) -> Tensor:
    """The same blocks with the colours of their border lines taken from their own samples alone.

    Args:
        pieces: ``(..., 3, B, B)`` uint8, B even and at least 6, blocks of whole 2 by 2 samples.

    Returns:
        uint8 of the same shape. Brightness is unchanged; complements and colour orders of a block
        do not matter, since both are linear in its colours.
    """
    weights = torch.tensor(LUMA, device=pieces.device)
    pixels = pieces.float()
    luma = (pixels * weights[:, None, None]).sum(-3, keepdim=True)
    chroma = pixels - luma
    for axis in (-1, -2):
        lines = list(chroma.unbind(axis))
        # With samples s0, s1: line 1 is (3 s0 + s1) / 4, line 2 is (s0 + 3 s1) / 4.
        lines[0] = 1.5 * lines[1] - 0.5 * lines[2]
        lines[-1] = 1.5 * lines[-2] - 0.5 * lines[-3]
        chroma = torch.stack(lines, axis)
    return (luma + chroma).round().clamp(0, 255).to(torch.uint8)
