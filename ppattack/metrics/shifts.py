"""SSIM of pictures that may be shifted in a circle, in whole blocks.

Blocks of a flat background fit together anywhere, so that a jigsaw solver can return a whole
picture shifted over its background: recognisable, and wrong at every place.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import (
    SAMPLE,
    best_state_ssim,
    colour_orders,
    in_state,
    turned,
)

CELLS = 4
"""Cells along the edge of a block whose means show which shift fits."""
AT_ONCE = 64
"""Images whose shifts are found at a time if each has its own."""


def best_shifted_ssim(
    images: Tensor, plain: Tensor, block: int, *, shared: bool, unshifted: Tensor | None = None
) -> Tensor:
    """SSIM under the global state and the shift that fit best.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions, H and W multiples of ``block``.
        plain: the truth.
        block: edge of a block, pixels; shifts are multiples of it.
        shared: whether one state and shift serve all images (one key) or each has its own.
        unshifted: ``(N,)`` float64 SSIM in the best state without a shift, if it is known.

    Returns:
        ``(N,)`` float64, on average at least the SSIM in the best state without a shift.
    """
    if unshifted is None:
        unshifted = best_state_ssim(images, plain, shared=shared)
    if shared:
        few = slice(0, SAMPLE)
        fits = _fits(images[few], plain[few], block, shared=True)
        moved = _moved(images, plain, block, int(fits.argmax()))
        shifted = ssim(moved, plain)
        return shifted if float(shifted.mean()) > float(unshifted.mean()) else unshifted
    parts = []
    for ours, theirs in zip(images.split(AT_ONCE), plain.split(AT_ONCE), strict=True):
        best = _fits(ours, theirs, block, shared=False).flatten(1).argmax(dim=1).tolist()
        each = zip(ours.split(1), theirs.split(1), best, strict=True)
        moved = torch.cat([_moved(one, true, block, place) for one, true, place in each])
        parts.append(ssim(moved, theirs))
    return torch.maximum(torch.cat(parts), unshifted)


def _fits(images: Tensor, plain: Tensor, block: int, *, shared: bool) -> Tensor:
    """``(N, states, shifts)`` correlations of cell means; N is 1 for the sum over all images.

    A state puts one channel, turned and perhaps negative, against each channel of the plain image:
    few different pairs make all states, and the correlation of a negative is the negative one.
    """
    cell = block // CELLS if block % CELLS == 0 else 1
    size = (int(plain.shape[2]) // cell, int(plain.shape[3]) // cell)
    theirs = _spectrum(plain, cell)
    found = []
    for oriented in turned(images):
        products = theirs[:, :, None] * _spectrum(oriented, cell).conj()[:, None]  # (N, C, C, …)
        if shared:
            products = products.sum(dim=0, keepdim=True)
        pairs = torch.fft.irfft2(products, s=size)[..., :: block // cell, :: block // cell]
        for order in colour_orders(images):
            fits = pairs[:, range(len(order)), order].sum(dim=1).flatten(1)
            found += [fits, -fits]
    return torch.stack(found, dim=1)


def _moved(images: Tensor, plain: Tensor, block: int, best: int) -> Tensor:
    """Images in the state and with the shift of one place among those of :func:`_fits`."""
    columns = int(plain.shape[3]) // block
    number, shift = divmod(best, columns * (int(plain.shape[2]) // block))
    down, right = divmod(shift, columns)
    return in_state(images, number).roll((down * block, right * block), (2, 3)).contiguous()


def _spectrum(images: Tensor, cell: int) -> Tensor:
    """Fourier coefficients of the means of cells, less those of their image."""
    means = functional.avg_pool2d(images.float(), cell)
    found: Tensor = torch.fft.rfft2(means - means.mean((1, 2, 3), keepdim=True))
    return found
