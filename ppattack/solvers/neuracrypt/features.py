"""Numbers that a patch and its code have in common, whatever the key.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ppattack.solvers.neuracrypt.codes import Codes

MOMENTS = 14
FEATURES = MOMENTS + 1
CACHED_BYTES = 1 << 20
"""Bytes of one chunk on the CPU: all its powers are taken while it is in the cache."""
DEVICE_BYTES = 1 << 28
"""Bytes of one chunk on an accelerator, where few large steps cost less than many small ones."""
LEAST_ENERGY = 1e-12


def patches(images: Tensor, edge: int) -> Tensor:
    """Pixels of the patches of images, ``(N, P, C · edge²)``.

    Args:
        images: ``(N, C, H, W)`` in whole patches.
        edge: length of a patch's side, pixels.
    """
    count, channels, height, width = images.shape
    rows, columns = height // edge, width // edge
    split = images.reshape(count, channels, rows, edge, columns, edge).permute(0, 2, 4, 1, 3, 5)
    return split.reshape(count, rows * columns, channels * edge**2)


def moment_features(vectors: Tensor) -> Tensor:
    """Mean and root moments of each vector minus the mean vector of its position.

    Args:
        vectors: ``(N, P, D)``: codes, or pixels of patches, of N images. Float32 or float64.

    Returns:
        ``(N, P, 15)`` of the same type: the mean, then ``|m_i|^(1/i)`` for the central moments
        m_1 (which is 0) to m_14 over the D entries.

    Deviations: none in value. Powers are built by multiplication, in chunks that fit the cache.
    """
    out = vectors.new_zeros((*vectors.shape[:2], FEATURES))
    centre = vectors.mean(dim=0)
    for images, positions in _chunks(vectors):
        part = vectors[images, positions] - centre[positions]
        found = out[images, positions]
        found[..., 0] = part.mean(dim=-1)
        part -= found[..., :1]
        power = part * part
        found[..., 2] = power.mean(dim=-1)
        for order in range(3, MOMENTS + 1):
            power *= part
            found[..., order] = power.mean(dim=-1)
    orders = torch.arange(1, FEATURES, dtype=out.dtype, device=out.device)
    out[..., 1:] = out[..., 1:].abs() ** orders.reciprocal()
    return out


def energies(vectors: Tensor | Codes, *, by_position: bool = True) -> Tensor:
    """How far each vector is from the mean vector of its position, ``(N, P)``.

    Args:
        vectors: ``(N, P, D)``.
        by_position: False takes the mean of all, for use if nothing tells positions apart.

    Returns:
        logarithms of mean squares, minus their mean: a key that scales all codes changes nothing.
    """
    codes = Codes.of(vectors)
    centre = codes.mean()
    if not by_position:
        centre = centre.mean(dim=0).expand_as(centre)
    return levels(torch.cat([powers(part, centre) for _, part in codes.batches()]))


def powers(vectors: Tensor, centre: Tensor) -> Tensor:
    """Mean squares ``(N, P)`` of vectors ``(N, P, D)`` minus a vector of each position."""
    out = vectors.new_empty(vectors.shape[:2])
    for images, positions in _chunks(vectors):
        part = vectors[images, positions] - centre[positions]
        out[images, positions] = part.square_().mean(dim=-1)
    return out


def levels(squares: Tensor) -> Tensor:
    """Logarithms of mean squares ``(N, P)``, in place, minus their mean."""
    logarithms = squares.clamp_min_(LEAST_ENERGY).log_()
    return logarithms.sub_(logarithms.mean())


def _chunks(vectors: Tensor) -> Iterator[tuple[slice, slice]]:
    """Ranges of images and of positions that together hold a chunk each."""
    count, positions, width = vectors.shape
    limit = CACHED_BYTES if vectors.device.type == "cpu" else DEVICE_BYTES
    rows = max(1, limit // (width * vectors.element_size()))
    several, each = max(1, rows // positions), min(rows, positions)
    for start in range(0, count, several):
        for place in range(0, positions, each):
            yield slice(start, start + several), slice(place, place + each)
