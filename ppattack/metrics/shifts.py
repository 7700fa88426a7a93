"""SSIM of pictures that may be shifted in a circle, in whole blocks.

Blocks of a flat background fit together anywhere, so that a jigsaw solver can return a whole
picture shifted over its background: recognisable, and wrong at every place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import best_state_ssim, global_states


def best_shifted_ssim(images: Tensor, plain: Tensor, block: int, *, shared: bool) -> Tensor:
    """SSIM under the global state and the shift that fit best.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions, H and W multiples of ``block``.
        plain: the truth.
        block: edge of a block, pixels; shifts are multiples of it.
        shared: whether one state and shift serve all images (one key) or each has its own.

    Returns:
        ``(N,)`` float64, on average at least the SSIM in the best state without a shift.
    """
    if not shared:
        alone = [
            best_shifted_ssim(images[i : i + 1], plain[i : i + 1], block, shared=True)
            for i in range(len(images))
        ]
        return torch.cat(alone)
    states = list(global_states(images))
    fits = [_correlation(state, plain)[..., ::block, ::block] for state in states]
    best = max(range(len(states)), key=lambda i: float(fits[i].max()))
    shift = int(fits[best].argmax())
    down, right = divmod(shift, fits[best].shape[-1])
    moved = states[best].roll((down * block, right * block), (2, 3))
    shifted, unshifted = (
        ssim(moved.contiguous(), plain),
        best_state_ssim(images, plain, shared=True),
    )
    return shifted if float(shifted.mean()) > float(unshifted.mean()) else unshifted


def _correlation(images: Tensor, plain: Tensor) -> Tensor:
    """``(H, W)``: products of all images with the truth at each circular shift, summed."""
    ours, theirs = (
        torch.fft.rfft2(each.double() - each.double().mean((1, 2, 3), keepdim=True))
        for each in (images, plain)
    )
    size = (int(plain.shape[2]), int(plain.shape[3]))
    fits: Tensor = torch.fft.irfft2(theirs * ours.conj(), s=size).sum((0, 1))
    return fits
