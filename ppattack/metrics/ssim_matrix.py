"""SSIM of every image of one batch with every image of another: who looks like whom."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.metrics.ssim import C1, C2, WINDOW, too_small

EDGE = WINDOW["skimage"]
PIXELS = EDGE * EDGE
PAIRS_AT_ONCE = 1 << 18
"""Pairs of images whose similarity at one place is worked on at a time; it stays in the cache."""


def ssim_matrix(queries: Tensor, candidates: Tensor) -> Tensor:
    """Structural similarity of all pairs, in the variant ``skimage``.

    What depends on both images of a pair, the covariance of a window and the product of two means,
    is a matrix product over all pairs. Windows are centred before that, so that single precision
    is enough for six digits.

    Args:
        queries: ``(n, C, H, W)`` uint8 on any device.
        candidates: ``(N, C, H, W)`` uint8 on the same.

    Returns:
        ``(n, N)`` float32 in [-1, 1]; within 1e-6 of :func:`ppattack.metrics.ssim.ssim`.

    Raises:
        ImageError: for images that break the convention, differ in size or are smaller than 7
            pixels.
    """
    check_sizes(queries, candidates)
    channels, height, width = queries.shape[1:]
    if min(height, width) < EDGE:
        raise ImageError(too_small("skimage", height, width))
    total = torch.zeros(len(queries), len(candidates), dtype=torch.float64, device=queries.device)
    step = max(1, PAIRS_AT_ONCE // max(1, len(candidates)))
    for channel in range(channels):
        ours, theirs = queries[:, channel].float(), candidates[:, channel].float()
        for row in range(height - EDGE + 1):
            them = _Windows.of(theirs[:, row : row + EDGE])
            for part, found in zip(ours.split(step), total.split(step), strict=True):
                found += _similarities(_Windows.of(part[:, row : row + EDGE]), them)
    return total.div_(channels * (height - EDGE + 1) * (width - EDGE + 1)).float()


def check_sizes(queries: Tensor, candidates: Tensor) -> None:
    """Refuse two batches whose images cannot be compared with each other.

    Raises:
        ImageError: if one breaks the image convention, or the sizes of their images differ.
    """
    image_ops.check(queries, "queries")
    image_ops.check(candidates, "candidates")
    if queries.shape[1:] != candidates.shape[1:]:
        raise ImageError(
            f"images of shape {tuple(queries.shape[1:])} cannot be looked for among images of "
            f"shape {tuple(candidates.shape[1:])}: bring both to one size."
        )


class _Windows:
    """The windows of one row of places, and what they contribute to any similarity.

    Args:
        centred: ``(P, N, 49)`` the levels of each window less their mean.
        means: ``(P, N)``.
        variances: ``(P, N)``, of the sample.
    """

    def __init__(self, centred: Tensor, means: Tensor, variances: Tensor) -> None:
        self.centred, self.means, self.variances = centred, means, variances

    @classmethod
    def of(cls, rows: Tensor) -> _Windows:
        """The windows of ``(N, 7, W)`` levels."""
        windows = rows.unfold(2, EDGE, 1).permute(2, 0, 1, 3).flatten(2)  # (P, N, 49)
        means = windows.mean(dim=2, keepdim=True)
        centred = windows - means
        return cls(centred, means[..., 0], centred.square().sum(dim=2).div_(PIXELS - 1))


def _similarities(ours: _Windows, theirs: _Windows) -> Tensor:
    """``(n, N)``: the similarities of all pairs, summed over the places of a row.

    Numerator and denominator are products of two factors of two terms each; with one column more
    for the constant, each is a matrix product.
    """
    one, ones = torch.ones_like(theirs.means), torch.ones_like(ours.means)
    structure = torch.cat([ours.centred * (2 / (PIXELS - 1)), C2 * ones[..., None]], dim=2)
    their_structure = torch.cat([theirs.centred, one[..., None]], dim=2).transpose(1, 2)
    luminance = torch.stack([2 * ours.means, C1 * ones], dim=2)
    their_luminance = torch.stack([theirs.means, one], dim=1)
    # (a + b) (p + q), where a and p are ours
    a, p, b, q = ours.variances + C2, ours.means**2 + C1, theirs.variances, theirs.means**2
    below = torch.stack([a * p, a, p, ones], dim=2)
    their_below = torch.stack([one, q, b, b * q], dim=1)
    total = torch.zeros(ours.means.shape[1], theirs.means.shape[1], device=ours.means.device)
    for place in range(len(ours.means)):
        ratio = structure[place] @ their_structure[place]
        ratio *= luminance[place] @ their_luminance[place]
        ratio /= below[place] @ their_below[place]
        total += ratio
    return total
