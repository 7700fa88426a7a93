"""SSIM, the structural similarity, in the two variants that the literature confuses.

Both compare the means, variances and covariance of windows of the two images::

    (2 E[x] E[y] + c1) (2 cov(x, y) + c2)
    ---------------------------------------------------
    (E[x]² + E[y]² + c1) (var(x) + var(y) + c2)

so the windowed means of four planes suffice: x, y, x y and x² + y². Under uniform weights
everything up to this ratio is integer arithmetic, hence exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics.pairs import check_pair, chunks
from ppattack.metrics.windows import C1, C2, KERNELS, WINDOW, Planes, Variant, similarity

__all__ = ["C1", "C2", "WINDOW", "Variant", "ssim", "ssim_of_all", "too_small"]

CPU_PIXELS = 1 << 16
"""Pixels of one channel processed at a time on a CPU; the working set must stay in the cache."""
GPU_PIXELS = 1 << 22


def ssim(x: Tensor, y: Tensor, *, variant: Variant = "skimage", exact: bool = False) -> Tensor:
    """Structural similarity of each pair of images, averaged over pixels and channels.

    Args:
        x: ``(N, C, H, W)`` uint8 on any device.
        y: same shape and device; the order of x and y does not matter.
        variant: ``skimage``: uniform 7 × 7 windows and sample covariance, the defaults of
            scikit-image. ``wang2004``: Gaussian windows, sigma 1.5 px, 11 × 11, population
            covariance, as in the paper. Only windows inside the image count.
        exact: ``skimage`` within 1e-12 of scikit-image instead of 1e-6, at a lower speed;
            ``wang2004`` is always that exact.

    Returns:
        ``(N,)`` float64 on the device of x, in [-1, 1]; signed, 1 for equal images.

    Raises:
        ImageError: for images that break the convention, differ in shape or are smaller than
            the window.

    Reference: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment:
        from error visibility to structural similarity. IEEE Transactions on Image Processing
        13(4), 600-612 (2004). doi:10.1109/TIP.2003.819861
    """
    return ssim_of_all(x, {"": y}, variant=variant, exact=exact)[""]


def ssim_of_all(
    plain: Tensor,
    others: Mapping[str, Tensor],
    *,
    variant: Variant = "skimage",
    exact: bool = False,
) -> dict[str, Tensor]:
    """:func:`ssim` of several batches with one; what concerns that one only is computed once.

    Args:
        plain: ``(N, C, H, W)`` uint8 on any device.
        others: label to images of the same shape and device; of a batch that is one image
            expanded, what concerns it only is computed once, too.
        variant: as there.
        exact: as there.

    Returns:
        label to ``(N,)`` float64.

    Raises:
        ImageError: as there.
    """
    for images in others.values():
        check_pair(plain, images)
    if variant not in WINDOW:
        raise ImageError(f"there is no SSIM variant '{variant}': use {' or '.join(WINDOW)}.")
    count, channels, height, width = plain.shape
    if min(height, width) < WINDOW[variant]:
        raise ImageError(too_small(variant, height, width))
    kernel = KERNELS[variant]
    last = torch.float32 if variant == "skimage" and not exact else torch.float64
    scores = {
        label: torch.empty(count, channels, dtype=torch.float64, device=plain.device)
        for label in others
    }
    single = {label for label, images in others.items() if count > 1 and images.stride(0) == 0}
    flat = {
        label: int(others[label][0].max())
        for label in single
        if bool((others[label][0] == others[label][0, 0, 0, 0]).all())
    }
    kept: dict[tuple[str, int, int], Planes] = {}
    for part, channel in parts(plain):
        ours = Planes(plain[part, channel], kernel, last)
        for label, images in others.items():
            place = (label, channel.start, ours.levels.shape[1])
            theirs = kept.get(place) or Planes(images[part, channel], kernel, last)
            if label in single:
                kept[place] = theirs
            level = flat.get(label)
            cross = ours.cross(theirs) if level is None else ours.means * level
            found = similarity(ours, theirs, cross, again=label in single)
            values = scores[label][part, channel]
            values.copy_(found.view_as(values))
    return {label: values.mean(dim=1) for label, values in scores.items()}


def too_small(variant: Variant, height: int, width: int) -> str:
    """Why images of this size have no SSIM, and what to do, in one line."""
    edge = WINDOW[variant]
    return (
        f"SSIM ({variant}) needs images of at least {edge}x{edge} pixels, not {height}x{width}: "
        "use larger images, or pad them."
    )


def parts(images: Tensor) -> Iterator[tuple[slice, slice]]:
    """Images and channels to work on at a time."""
    count, channels, height, width = images.shape
    budget = CPU_PIXELS if images.device.type == "cpu" else GPU_PIXELS
    for part in chunks(count, budget // (channels * height * width)):
        for channel in chunks(channels, budget // (height * width)):
            yield part, channel
