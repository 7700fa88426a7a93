"""SSIM of every image of one batch with every image of another: who looks like whom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.metrics.ssim import C1, C2, WINDOW, too_small

EDGE = WINDOW["skimage"]
PIXELS = EDGE * EDGE
PAIRS_AT_ONCE = 1 << 17
"""Pairs of images that are compared at a time."""
COLUMNS = 4
"""Windows side by side, at least, if so many pairs are compared: steps stay in the cache."""


def ssim_matrix(queries: Tensor, candidates: Tensor) -> Tensor:
    """Structural similarity of all pairs, in the variant ``skimage``.

    What depends on both images of a pair is the sum over a window of the products of their levels.
    It is a matrix product over all pairs; one place down, only the pixels that a window takes in
    and leaves are multiplied. Levels are whole numbers relative to the mean of their image, so that
    single precision adds up these products exactly.

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
    rows, columns = height - EDGE + 1, width - EDGE + 1
    total = torch.zeros(len(queries), len(candidates), dtype=torch.float64, device=queries.device)
    some = max(1, PAIRS_AT_ONCE // max(1, len(candidates)))
    pairs = max(1, min(some, len(queries)) * len(candidates))
    wide = min(columns, max(1, COLUMNS * PAIRS_AT_ONCE // pairs))
    for channel in range(channels):
        ours, theirs = (_relative(images[:, channel]) for images in (queries, candidates))
        for left in range(0, columns, wide):
            strip = slice(left, left + wide + EDGE - 1)
            them = _Windows.of(theirs, strip)
            for start in range(0, len(queries), some):
                part = slice(start, start + some)
                us = _Windows.of(tuple(each[part] for each in ours), strip)
                total[part] += _similarities(us, them)
    return total.div_(channels * rows * columns).float()


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


def _relative(planes: Tensor) -> tuple[Tensor, Tensor]:
    """``(N, H, W)`` float32, levels less the mean of their plane to a whole level, and ``(N,)``."""
    means = planes.float().mean(dim=(1, 2)).round_()
    return planes - means[:, None, None], means


@dataclass(frozen=True)
class _Windows:
    """The windows of R rows of P places each, and what they contribute to any similarity.

    Args:
        top: ``(P, N, 49)`` the relative levels of the uppermost windows.
        below: ``(R - 1, P, N, 7)`` those that the window one place down takes in.
        above: likewise, those that it leaves.
        sums: ``(R, P, N)`` of the relative levels of each window.
        means: likewise, the means of the levels themselves.
        variances: likewise, of the sample.
    """

    top: Tensor
    below: Tensor
    above: Tensor
    sums: Tensor
    means: Tensor
    variances: Tensor

    @classmethod
    def of(cls, planes: tuple[Tensor, ...], strip: slice) -> _Windows:
        """The windows in some columns of what :func:`_relative` gives."""
        relative, means = planes
        pixels = relative[:, :, strip].unfold(2, EDGE, 1).permute(1, 2, 0, 3).contiguous()
        sums, squares = (
            each.sum(dim=3).unfold(0, EDGE, 1).sum(dim=3).double()
            for each in (pixels, pixels.square())
        )
        return cls(
            pixels[:EDGE].permute(1, 2, 0, 3).flatten(2),
            pixels[EDGE:],
            pixels[:-EDGE],
            sums.float(),
            (means + sums / PIXELS).float(),
            ((squares - sums.square() / PIXELS) / (PIXELS - 1)).float(),
        )


def _similarities(ours: _Windows, theirs: _Windows) -> Tensor:
    """``(n, N)``: the similarities of all pairs, summed over all places.

    The factors of numerator and denominator that depend on both images are products or sums of one
    number of each. Factors 2 are taken out as one 4.
    """
    means = ours.means[..., None]
    # The relative mean, negative, as a whole number and the rest: the former's products are exact.
    whole = (ours.sums / -PIXELS).round_()
    rest = ((-ours.sums - PIXELS * whole) / PIXELS)[..., None]
    whole = whole[..., None]
    energies, variances = means.square() + C1, ours.variances[..., None] + C2
    their_sums, their_means = theirs.sums[:, :, None], theirs.means[:, :, None]
    their_energies, their_variances = their_means.square(), theirs.variances[:, :, None]
    products = ours.top @ theirs.top.transpose(1, 2)  # (P, n, N)
    above, below, other = (torch.empty_like(products) for _ in range(3))
    total = torch.zeros_like(products[0])
    for row in range(len(means)):
        if row:
            taken = torch.cat([ours.below[row - 1], -ours.above[row - 1]], dim=2)
            given = torch.cat([theirs.below[row - 1], theirs.above[row - 1]], dim=2)
            products.baddbmm_(taken, given.transpose(1, 2))
        torch.addcmul(products, whole[row], their_sums[row], out=above)
        above.addcmul_(rest[row], their_sums[row])
        torch.mul(means[row], their_means[row], out=other)
        above.add_(C2 * (PIXELS - 1) / 2).mul_(other.add_(C1 / 2))
        torch.add(energies[row], their_energies[row], out=below)
        torch.add(variances[row], their_variances[row], out=other)
        total += above.div_(below.mul_(other)).sum(dim=0)
    return total.mul_(4 / (PIXELS - 1))
