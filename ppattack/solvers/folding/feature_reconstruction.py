"""Feature reconstruction: undo per-pixel complements and colour shuffles without the key.

Functions on batches of ciphertexts. Reference: A. H. Chang, B. M. Case, "Attacks on Image
Encryption Schemes for Privacy-Preserving Deep Neural Networks", arXiv:2004.13263, 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.blocks import COLOUR_ORDERS
from ppattack.errors import ImageError
from ppattack.permxor import PermXor

NeighbourRule = Literal["up", "4nbr"]
Tie = Literal["last", "first"]
LARGEST_DARK = 127
"""Bytes above this one are read as complemented; ``v`` and ``255 - v`` are never both above."""


def fold(ciphertexts: Tensor, *, bright: bool = False) -> Tensor:
    """The darker (or brighter) of each byte and its complement.

    What is left does not depend on which bytes were complemented.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        bright: return the bytes in 128..255 instead of those in 0..127.

    Returns:
        ``(N, C, H, W)`` uint8, a new tensor.
    """
    image_ops.check(ciphertexts, "ciphertexts")
    pick = torch.maximum if bright else torch.minimum
    return pick(ciphertexts, ciphertexts ^ 255)


def advanced(
    ciphertexts: Tensor,
    first_pixels: Tensor,
    *,
    color_shuffle: bool,
    reference: NeighbourRule = "up",
    tie: Tie = "last",
) -> Tensor:
    """Greedy reconstruction: each pixel becomes the candidate nearest to its decoded neighbours.

    A pixel has 2^C candidates (each byte or its complement), times the 6 channel orders under
    a colour shuffle; the distance is the sum of absolute differences. Without a colour shuffle
    the result is :func:`fold` with one choice of dark or bright per channel, taken from the
    first pixel: it never crosses mid-grey.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        first_pixels: ``(N, C)`` uint8, what the top-left pixel is compared with.
        color_shuffle: whether to try the channel orders.
        reference: ``"up"``, the pixel above (in the first row the left one), or ``"4nbr"``, the
            four neighbours that precede a pixel in reading order.
        tie: which of several nearest channel orders wins, in the order of
            :data:`~ppattack.blocks.COLOUR_ORDERS`.

    Returns:
        ``(N, C, H, W)`` uint8, a new tensor.

    Raises:
        ImageError: if the first pixels do not match the ciphertexts.

    Deviations:
        The published code copies the true first pixel into the result. Here it is decoded like any
        other, towards ``first_pixels``: the same if that is a candidate. ``"4nbr"`` is
        not published.
    """
    count, channels, height, width = image_ops.check(ciphertexts, "ciphertexts").shape
    if tuple(first_pixels.shape) != (count, channels) or first_pixels.dtype != torch.uint8:
        raise ImageError(
            f"first_pixels must be {(count, channels)} uint8, one pixel per ciphertext; "
            f"got {tuple(first_pixels.shape)} {first_pixels.dtype}."
        )
    orders = np.arange(channels)[None]
    if color_shuffle and channels == len(COLOUR_ORDERS[0]):
        orders = COLOUR_ORDERS if tie == "first" else COLOUR_ORDERS[::-1]
    table = torch.from_numpy(orders.copy()).to(ciphertexts.device)
    plain = torch.zeros_like(ciphertexts, memory_format=torch.contiguous_format)
    pixels = ciphertexts.reshape(count, channels, -1)
    decoded = plain.view(count, channels, -1)
    start = first_pixels[:, :, None, None]
    decoded[..., :1] = _nearest(pixels[..., :1], start, start.new_ones(1, 1), table)
    for places, neighbours, present in _wavefronts(height, width, reference):
        seen = decoded[:, :, neighbours.to(decoded.device)]  # (N, C, K, P)
        weights = present.to(decoded.device)
        decoded[:, :, places] = _nearest(pixels[:, :, places], seen, weights, table)
    return plain


def _wavefronts(
    height: int, width: int, reference: NeighbourRule
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pixels that can be decoded together, in an order in which their neighbours come first.

    Yields:
        flat positions ``(P,)``, those of their neighbours ``(K, P)``, and which exist ``(K, P)``.
    """
    steps = [(0, -1), (-1, 0)] if reference == "up" else [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
    down, across = (torch.tensor(step)[:, None] for step in zip(*steps, strict=True))
    for front in range(1, width + 2 * (height - 1)):
        rows = torch.arange(max(0, (front - width + 2) // 2), min(height - 1, front // 2) + 1)
        columns = front - 2 * rows
        above, beside = rows + down, columns + across
        present = (above >= 0) & (beside >= 0) & (beside < width)
        if reference == "up":
            present[0] &= rows == 0
        neighbours = torch.where(present, above * width + beside, 0)
        yield rows * width + columns, neighbours, present.to(torch.uint8)


def _nearest(pixels: Tensor, seen: Tensor, weights: Tensor, orders: Tensor) -> Tensor:
    """The candidate for each pixel with the least distance to what was seen.

    The distance adds up over channels, so each channel's complement is chosen by itself.

    Args:
        pixels: ``(N, C, P)`` uint8.
        seen: ``(N, C, K, P)`` uint8.
        weights: ``(K, P)`` of 0 and 1.
        orders: ``(R, C)`` channel orders to try; the first of the nearest wins.
    """
    same, flipped = (
        ((value[:, None, :, None].short() - seen[:, :, None].short()).abs() * weights).sum(3)
        for value in (pixels, pixels ^ 255)
    )  # (N, C decoded, C cipher, P)
    cost = torch.minimum(same, flipped)
    channel = torch.arange(len(orders[0]), device=pixels.device)
    best = cost[:, channel, orders].sum(2).argmin(1)  # (N, P)
    source = orders[best].movedim(2, 1)  # (N, C, P)
    flip = torch.gather(flipped < same, 2, source[:, :, None])[:, :, 0]
    return torch.gather(pixels, 1, source) ^ (flip * 255).to(torch.uint8)


def helper_image(image_shape: tuple[int, int, int]) -> Tensor:
    """The chosen plaintext of :func:`same_key`: channel c holds c + 1; ``(1, C, H, W)`` uint8."""
    channels, height, width = image_shape
    levels = torch.arange(1, channels + 1, dtype=torch.uint8)
    return levels[None, :, None, None].repeat(1, 1, height, width)


def same_key(helper_ciphertext: Tensor) -> PermXor:
    """The key of a pixel-wise scheme, read from the ciphertext of one chosen image.

    Exact for every scheme that complements bytes and reorders the channels of each pixel.
    Its ``inverse()`` decrypts every image under the same key.

    Args:
        helper_ciphertext: ``(C, H, W)`` uint8, the ciphertext of :func:`helper_image`.
    """
    image_ops.check(helper_ciphertext[None], "helper ciphertext")
    height, width = helper_ciphertext.shape[1:]
    helper = helper_ciphertext.cpu()
    flipped = helper > LARGEST_DARK
    levels = torch.minimum(helper, helper ^ 255)
    # A rank, not the level itself, because published code that truncates shifts levels by one.
    source = levels.argsort(dim=0, stable=True).argsort(0)
    pixel = torch.arange(height * width).view(height, width)
    index = (source * (height * width) + pixel).reshape(-1).numpy()
    return PermXor(index, (flipped * 255).to(torch.uint8).reshape(-1).numpy())
