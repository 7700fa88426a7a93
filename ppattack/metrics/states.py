"""The 96 global states: orientation, negative and colour order of the whole image.

From ciphertexts alone some schemes can be solved only up to one such state; prior knowledge of the
images must then decide it. Scores are reported raw; the score in the best state, which only the
truth can tell, is reported beside them and never instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from ppattack.blocks import COLOUR_ORDERS
from ppattack.errors import ImageError
from ppattack.metrics.pairs import check_pair, chunks
from ppattack.metrics.ssim import CPU_PIXELS, ssim, too_small
from ppattack.metrics.windows import KERNELS, Planes, similarity

SAMPLE = 256
"""How many images decide the one state of a whole data set."""


def global_states(images: Tensor) -> Iterator[Tensor]:
    """Every state of ``(N, C, H, W)`` images; those that change H × W are left out."""
    for each in turned(images):
        for order in colour_orders(images):
            coloured = each[:, order]
            yield coloured
            yield 255 - coloured


def in_state(images: Tensor, number: int) -> Tensor:
    """Images in one state of :func:`global_states`, by its place there."""
    return next(itertools.islice(global_states(images), number, None))


def turned(images: Tensor) -> Iterator[Tensor]:
    """Every orientation of ``(N, C, H, W)`` images, in the order of the states."""
    square = images.shape[2] == images.shape[3]
    for mirrored in (images, images.flip(3)):
        for quarter in range(4) if square else (0, 2):
            yield torch.rot90(mirrored, quarter, (2, 3))


def colour_orders(images: Tensor) -> list[list[int]]:
    """The channels of ``(N, C, H, W)`` images in every order that the states know."""
    orders: list[list[int]] = COLOUR_ORDERS.tolist() if images.shape[1] == 3 else [[0]]
    return orders


def best_state_ssim(images: Tensor, plain: Tensor, *, shared: bool) -> Tensor:
    """SSIM under the global state that scores best.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        plain: the truth.
        shared: whether one state serves all images (one key) or each has its own.

    Returns:
        ``(N,)`` float64.
    """
    part = slice(0, SAMPLE) if shared else slice(None)
    scores = _ssim_of_states(images[part], plain[part])
    if not shared:
        return scores.amax(dim=0)
    best = int(scores.mean(dim=1).argmax())
    return ssim(in_state(images, best).contiguous(), plain)


def _ssim_of_states(images: Tensor, plain: Tensor) -> Tensor:
    """``(states, N)`` float64: what :func:`ssim` gives for each state, in their order.

    A state puts one channel, turned and perhaps negative, against each channel of the plain image:
    few different pairs make all states, and the windows of a negative follow from its image's.
    """
    check_pair(images, plain)
    height, width = plain.shape[2:]
    kernel, last = KERNELS["skimage"], torch.float32
    if min(height, width) < kernel.edge:
        raise ImageError(too_small("skimage", height, width))
    orders = colour_orders(images)
    places = [range(images.shape[1])] * 2
    rows = []
    for part in chunks(len(plain), CPU_PIXELS // (height * width)):
        ours = [Planes(each, kernel, last) for each in plain[part].split(1, dim=1)]
        found = []
        for oriented in turned(images[part]):
            theirs = [Planes(each, kernel, last) for each in oriented.split(1, dim=1)]
            pairs = {
                (i, j): _with_negative(ours[i], theirs[j]) for i, j in itertools.product(*places)
            }
            found += [
                torch.stack([pairs[i, j] for i, j in enumerate(order)], dim=2).mean(dim=2)
                for order in orders
            ]
        rows.append(torch.cat(found))
    return torch.cat(rows, dim=1)


def _with_negative(x: Planes, y: Planes) -> Tensor:
    """``(2, N)`` float64: the similarity to x of y, and of its negative."""
    cross = x.cross(y)
    negated = 255 * x.means - cross
    return torch.stack([similarity(x, y, cross), similarity(x, y.negative(), negated)])
