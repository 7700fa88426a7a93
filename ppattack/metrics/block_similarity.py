"""How alike images are block by block, wherever the blocks lie."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics.ssim import C1, C2
from ppattack.metrics.ssim_matrix import check_sizes

PAIRS_AT_ONCE = 1 << 22
"""Pairs of blocks compared at a time."""


def block_similarity_matrix(queries: Tensor, candidates: Tensor, edge: int = 8) -> Tensor:
    """For all pairs of images the mean over the query's blocks of the SSIM of the nearest block.

    A block is one window: all of its levels, of every channel, count alike. An image whose blocks
    have changed places is as similar to the original as the original itself. Blocks that were
    turned, mirrored or complemented are not looked for.

    Args:
        queries: ``(n, C, H, W)`` uint8 on any device.
        candidates: ``(N, C, H, W)`` uint8 on the same.
        edge: of the blocks, pixels; both edges of the images must be multiples of it.

    Returns:
        ``(n, N)`` float32 in [-1, 1], 1 if all blocks of the query are in the candidate.

    Raises:
        ImageError: for images that break the convention, differ in size or are not made of whole
            blocks.
    """
    check_sizes(queries, candidates)
    height, width = queries.shape[2:]
    if height % edge or width % edge:
        raise ImageError(
            f"images of {width}x{height} pixels are not made of whole blocks of {edge}: resize "
            "them, or choose another edge."
        )
    theirs = _Blocks.of(candidates, edge)
    blocks = height * width // edge**2
    step = max(1, PAIRS_AT_ONCE // max(1, len(candidates) * blocks**2))
    found = [
        _nearest(_Blocks.of(part, edge), theirs, blocks)
        .unflatten(0, (len(part), blocks))
        .mean(dim=1)
        for part in queries.split(step)
    ]
    return torch.cat(found)


class _Blocks:
    """Blocks of a batch, one after another.

    Args:
        centred: ``(N n, L)`` levels less the block's mean.
        means: ``(N n,)``.
        variances: ``(N n,)``, of the sample.
    """

    def __init__(self, centred: Tensor, means: Tensor, variances: Tensor) -> None:
        self.centred, self.means, self.variances = centred, means, variances

    @classmethod
    def of(cls, images: Tensor, edge: int) -> _Blocks:
        count, channels, height, width = images.shape
        grid = images.reshape(count, channels, height // edge, edge, width // edge, edge)
        levels = grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels * edge * edge).float()
        means = levels.mean(dim=1)
        centred = levels - means[:, None]
        return cls(centred, means, centred.square().sum(dim=1) / (levels.shape[1] - 1))


def _nearest(ours: _Blocks, theirs: _Blocks, blocks: int) -> Tensor:
    """``(n blocks, N)``: the similarity of each block to the nearest of each candidate.

    With one column more for the constant, the structure, the luminance and what both are divided
    by are matrix products.
    """
    one, ones = torch.ones_like(theirs.means), torch.ones_like(ours.means)
    centred = ours.centred * (2 / (ours.centred.shape[1] - 1))
    structure = torch.cat([centred, C2 * ones[:, None]], dim=1)
    their_structure = torch.cat([theirs.centred, one[:, None]], dim=1).T
    luminance = torch.stack([2 * ours.means, C1 * ones], dim=1)
    their_luminance = torch.stack([theirs.means, one])
    # (a + b) (p + q), where a and p are ours
    a, p, b, q = ours.variances + C2, ours.means**2 + C1, theirs.variances, theirs.means**2
    below = torch.stack([a * p, a, p, ones], dim=1)
    their_below = torch.stack([one, q, b, b * q])
    nearest: Tensor | None = None
    for block in range(blocks):
        part = slice(block, None, blocks)  # this block of every candidate
        ratio = structure @ their_structure[:, part]
        ratio *= luminance @ their_luminance[:, part]
        ratio /= below @ their_below[:, part]
        nearest = ratio if nearest is None else torch.maximum(nearest, ratio, out=nearest)
    assert nearest is not None  # noqa: S101 — an image has at least one block
    return nearest
