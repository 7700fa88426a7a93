"""What the symbols of each block share, for all blocks at once.

Only second moments within blocks are gathered: their number grows with the image, where that of the
moments of all symbols grows with its square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.block_states import Indices
from ppattack.blocks import dihedral_table
from ppattack.permxor import Unit

MOST_IMAGES = 400
"""Images whose blocks are looked at: more of them change little."""
NOISE_FLOOR = 3.0
"""Correlations below this many standard errors do not tell high nibbles from low ones."""
CONTRAST_FLOOR = 25.0
"""Added to the variance of a block, squared grey levels: flat blocks are mostly rounding."""
CHUNK_NUMBERS = 1 << 25
"""Numbers held at a time."""
MOST_PUBLIC_BLOCKS = 200_000
"""Blocks of public images that are looked at."""
TINY = 1e-6


@dataclass(frozen=True)
class Blocks:
    """The symbols of each block that carry what can be seen, and what they share.

    Args:
        cells: ``(n, S)`` int64, their numbers in the image: bytes, or high nibbles.
        signs: ``(n, S)`` float32, -1 for symbols that are complemented; up to a common sign.
        covariance: ``(n, S, S)`` float32 of their values, signed, each block of each image freed
            from its mean and its contrast.
    """

    cells: Indices
    signs: Tensor
    covariance: Tensor


def gathered(images: Tensor, numbers: NDArray[np.int32], unit: Unit) -> Blocks:
    """Look at the blocks of ciphertexts.

    Args:
        images: ``(N, C, H, W)`` uint8 under one key.
        numbers: ``(n, S)``, the symbols of each block.
        unit: what a symbol is.
    """
    images = images[:MOST_IMAGES]
    cells, signs, covariance = [], [], []
    for own, values in _values(images, numbers, unit):
        correlation = _correlation(values)
        if unit == "nibble":
            high = _most_correlated(correlation, len(images))
            own = np.take_along_axis(own, high.cpu().numpy(), 1)
            values = values.gather(2, high[:, None].expand(-1, len(images), -1))
            rows = correlation.gather(1, high[..., None].expand(-1, -1, correlation.shape[2]))
            correlation = rows.gather(2, high[:, None].expand(-1, high.shape[1], -1))
        sign = torch.linalg.eigh(correlation)[1][:, :, -1].sign()
        sign[sign == 0] = 1
        cells.append(own)
        signs.append(sign)
        covariance.append(_covariance(values * sign[:, None], unit))
    return Blocks(np.concatenate(cells), torch.cat(signs), torch.cat(covariance))


def public_covariance(images: Tensor, numbers: NDArray[np.int32], unit: Unit, edge: int) -> Tensor:
    """``(S, S)`` float32: that of a plain block wherever it is and however it is turned.

    Args:
        images: ``(M, C, H, W)`` uint8.
        numbers: ``(n, S)``, the symbols of each block that carry what can be seen, by pixel and
            channel.
        unit: what a symbol is.
        edge: of a block, pixels.
    """
    few = numbers[:: max(1, len(images) * len(numbers) // MOST_PUBLIC_BLOCKS)]
    total = torch.zeros(numbers.shape[1], numbers.shape[1], device=images.device)
    for _, values in _values(images, few, unit):
        total += _covariance(values, unit).sum(0) * (1 / len(few))
    channels = numbers.shape[1] // edge**2
    pixels = torch.from_numpy(dihedral_table(edge))
    turns = (pixels[..., None] * channels + torch.arange(channels)).flatten(1)
    turned = [total[turn][:, turn] for turn in turns.to(total.device)]
    return torch.stack(turned).mean(0)


def _values(
    images: Tensor, numbers: NDArray[np.int32], unit: Unit
) -> Iterator[tuple[Indices, Tensor]]:
    """Some blocks' numbers ``(b, S)`` and their symbols ``(b, N, S)`` about the middle."""
    flat = images.flatten(1)
    middle = 7.5 if unit == "nibble" else 127.5
    step = max(1, CHUNK_NUMBERS // (len(images) * numbers.shape[1]))
    for start in range(0, len(numbers), step):
        own = numbers[start : start + step].astype(np.int64)
        index = torch.from_numpy(own).to(flat.device)
        seen = flat[:, index % flat.shape[1]]
        if unit == "nibble":
            seen = torch.where(index >= flat.shape[1], seen >> 4, seen & 15)
        yield own, seen.transpose(0, 1).float() - middle


def _correlation(values: Tensor) -> Tensor:
    """``(b, S, S)``; 0 beside symbols that never change."""
    centred = values - values.mean(1, keepdim=True)
    spread = centred.square().sum(1, keepdim=True).sqrt()
    centred /= spread.clamp_min(TINY)
    return centred.transpose(1, 2) @ centred


def _most_correlated(correlation: Tensor, count: int) -> Tensor:
    """``(b, S / 2)``: the symbols with the strongest correlations, in ascending order.

    Fourth powers count, because a high nibble has a near twin, and many weak correlations are no
    sign of one.
    """
    strength = correlation.abs()
    strength = strength.where(strength > NOISE_FLOOR / count**0.5, 0).pow(4).sum(1)
    half = strength.shape[1] // 2
    return strength.topk(half, dim=1).indices.sort(1).values


def _covariance(values: Tensor, unit: Unit) -> Tensor:
    """``(b, S, S)``: second moments of blocks without their means, contrast evened out."""
    levels = 256.0 if unit == "nibble" else 1.0
    centred = values - values.mean(2, keepdim=True)
    variance = centred.square().mean(2, keepdim=True)
    centred /= (variance + CONTRAST_FLOOR / levels).sqrt()
    return centred.transpose(1, 2) @ centred / values.shape[1]
