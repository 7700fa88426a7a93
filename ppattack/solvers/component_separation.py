"""Which blocks of a grey image of colour components show brightness, and which colour differences.

Brightness has most of the texture. How strong the gradients of a block are does not change when
it is moved, turned, mirrored or complemented, and how many blocks each component has is public.

Reference: Ciphertext-Only Attack on Grayscale-Based EtC Image Encryption via Component
Separation and Regularized Single-Channel Compatibility. Journal of Imaging 12(2):65, 2026.

Deviations: the reference's classifier is not available; the measure and the pooling over
ciphertexts under one key are this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ppattack.solvers.block_states import Indices

FLOOR = 0.01
"""Added to squared gradients: below it, textures are alike."""


def textures(pieces: Tensor) -> Tensor:
    """``(n,)`` logarithm of the mean squared gradient of each piece, mean over images.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
    """
    total = torch.zeros(pieces.shape[1], dtype=torch.float64, device=pieces.device)
    for image in pieces:
        pixels = image.double()
        energy = torch.full_like(total, FLOOR)
        for axis in (2, 3):
            if pixels.shape[axis] > 1:
                energy += pixels.diff(dim=axis).square().mean((1, 2, 3))
        total += energy.log()
    return total / max(1, len(pieces))


def separate(pieces: Tensor, counts: Sequence[int]) -> list[Indices]:
    """The pieces of each component, by descending texture.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
        counts: pieces of each component, that with the most texture first; their sum is n.
    """
    order = np.argsort(-textures(pieces).cpu().numpy(), kind="stable")
    ends = np.cumsum(counts)[:-1]
    return [np.sort(part) for part in np.split(order, ends)]
