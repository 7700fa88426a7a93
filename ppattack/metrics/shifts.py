"""SSIM of pictures that may be shifted in a circle, in whole blocks.

Blocks of a flat background fit together anywhere, so that a jigsaw solver can return a whole
picture shifted over its background: recognisable, and wrong at every place.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import SAMPLE, best_state_ssim, global_states

CELLS = 4
"""Cells along the edge of a block whose means show which shift fits."""


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
    unshifted = best_state_ssim(images, plain, shared=shared)
    if shared:
        shifted = _shifted_ssim(images, plain, block)
        return shifted if float(shifted.mean()) > float(unshifted.mean()) else unshifted
    alone = zip(images.split(1), plain.split(1), strict=True)
    return torch.maximum(torch.cat([_shifted_ssim(*each, block) for each in alone]), unshifted)


def _shifted_ssim(images: Tensor, plain: Tensor, block: int) -> Tensor:
    """``(N,)``: SSIM under the state and the shift of the greatest correlation of cell means."""
    cell = block // CELLS if block % CELLS == 0 else 1
    theirs = _spectrum(plain[:SAMPLE], cell)
    best = (-torch.inf, 0, 0)
    for number, state in enumerate(global_states(images[:SAMPLE])):
        products = (theirs * _spectrum(state, cell).conj()).sum((0, 1))
        size = (int(plain.shape[2]) // cell, int(plain.shape[3]) // cell)
        fits = torch.fft.irfft2(products, s=size)[:: block // cell, :: block // cell]
        best = max(best, (float(fits.max()), number, int(fits.argmax())))
    down, right = divmod(best[2], int(plain.shape[3]) // block)
    chosen = next(each for number, each in enumerate(global_states(images)) if number == best[1])
    moved = chosen.roll((down * block, right * block), (2, 3))
    return ssim(moved.contiguous(), plain)


def _spectrum(images: Tensor, cell: int) -> Tensor:
    """Fourier coefficients of the means of cells, less those of their image."""
    means = functional.avg_pool2d(images.float(), cell)
    found: Tensor = torch.fft.rfft2(means - means.mean((1, 2, 3), keepdim=True))
    return found
