"""The channel order of every pixel, from the statistics of neighbouring pixels.

Each pair of neighbours is six values with a roughly Gaussian distribution, whose covariance public
images give. The orders that make the pairs of a ciphertext most probable, all pixels together,
are found by belief propagation over the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.blocks import COLOUR_ORDERS
from ppattack.errors import ImageError
from ppattack.solvers.covariance.moments import GridMoments

RIDGE = 1e-3
"""Added to public covariances, relative to their mean variance, so that they have an inverse."""
ROUNDS = 60
DAMPING = 0.3
Array = NDArray[np.float64]


def orders(cipher: GridMoments, signs: NDArray[np.int8], public: GridMoments) -> NDArray[np.intp]:
    """Which plain channel each channel of each ciphertext pixel holds.

    Args:
        cipher: moments of the ciphertexts.
        signs: ``(3, H, W)`` of -1 and 1, -1 where the ciphertext's byte is complemented.
        public: moments of plain images of the same shape.

    Returns:
        ``(3, H, W)``: channel c of a ciphertext pixel is channel ``orders[c]`` of the plain one.
    """
    if cipher.shape != public.shape or cipher.shape[0] != 3:
        raise ImageError("channel orders need moments of RGB images of one shape on both sides.")
    right, down = (_pair_costs(cipher, signs, public, step) for step in (1, 2))
    chosen = _least_cost(right, down)
    return np.moveaxis(COLOUR_ORDERS[chosen], -1, 0)


def _pair_costs(
    cipher: GridMoments, signs: NDArray[np.int8], public: GridMoments, step: int
) -> Array:
    """``(h, w, 6, 6)``: minus the log-likelihood of the orders of a pixel and its neighbour."""
    seen, seen_mean = _pair_moments(cipher, step, signs)
    plain, mean = _pair_moments(public, step, np.ones_like(signs))
    covariance = plain - mean[..., :, None] * mean[..., None, :]
    variance = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / 6
    precision = np.linalg.inv(covariance + (RIDGE * variance + 1e-3) * np.eye(6))
    linear = (precision @ mean[..., None])[..., 0]
    costs = np.empty((*seen.shape[:2], 6, 6))
    for a, here in enumerate(COLOUR_ORDERS):
        for b, there in enumerate(COLOUR_ORDERS):
            slots = np.concatenate([here, 3 + there])
            quadratic = (precision[..., slots[:, None], slots] * seen).sum((-2, -1))
            costs[..., a, b] = quadratic / 2 - (linear[..., slots] * seen_mean).sum(-1)
    return costs * cipher.count


def _pair_moments(moments: GridMoments, step: int, signs: NDArray[np.int8]) -> tuple[Array, Array]:
    """Mean products ``(h, w, 6, 6)`` and means ``(h, w, 6)`` of a pixel beside its neighbour."""
    height, width = moments.shape[1:]
    down, right = moments.STEPS[step]
    here = (slice(None), slice(0, height - down), slice(0, width - right))
    there = (slice(None), slice(down, height), slice(right, width))
    same, cross = _symmetric(moments.products[0]), moments.products[step]
    top = np.concatenate([same[:, *here], cross], axis=1)
    bottom = np.concatenate([cross.swapaxes(0, 1), same[:, *there]], axis=1)
    products = np.moveaxis(np.concatenate([top, bottom]), (0, 1), (-2, -1)) / moments.count
    sums = np.concatenate([moments.sum[here], moments.sum[there]])
    sign = np.moveaxis(np.concatenate([signs[here], signs[there]]), 0, -1).astype(float)
    mean = np.moveaxis(sums, 0, -1) / moments.count
    return products * sign[..., :, None] * sign[..., None, :], mean * sign


def _symmetric(products: Array) -> Array:
    """Both halves of the products within a pixel, which are gathered for every two channels."""
    return (products + products.swapaxes(0, 1)) / 2


def _least_cost(right: Array, down: Array) -> NDArray[np.intp]:
    """Min-sum belief propagation on a grid; ``(H, W)`` states, ``right`` is (H, W-1, S, S)."""
    height, width, states = down.shape[0] + 1, right.shape[1] + 1, right.shape[2]
    # One message per direction, stored under the pixel that receives it.
    from_left, from_right, from_above, from_below = np.zeros((4, height, width, states))
    for _ in range(ROUNDS):
        belief = from_left + from_right + from_above + from_below
        sent = [
            _sent((belief - from_right)[:, :-1], right),
            _sent((belief - from_left)[:, 1:], right.swapaxes(2, 3)),
            _sent((belief - from_below)[:-1], down),
            _sent((belief - from_above)[1:], down.swapaxes(2, 3)),
        ]
        for held, new in zip(
            (from_left[:, 1:], from_right[:, :-1], from_above[1:], from_below[:-1]),
            sent,
            strict=True,
        ):
            held += (1 - DAMPING) * (new - held)
    best: NDArray[np.intp] = (from_left + from_right + from_above + from_below).argmin(-1)
    return best


def _sent(belief: Array, costs: Array) -> Array:
    """What a pixel tells its neighbour: the least cost of each of the neighbour's states."""
    message: Array = (belief[..., :, None] + costs).min(-2)
    message -= message.min(-1, keepdims=True)
    return message
