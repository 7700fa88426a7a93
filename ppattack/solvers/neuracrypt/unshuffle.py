"""Bring the patches of every image into one order, without knowing the key.

The vector that the encoder adds for a patch's position outweighs what the patch shows, so codes of
one position resemble each other in all images.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score

PRODUCT_BYTES = 64 << 20
"""Bytes of products held at a time."""
REFINEMENTS = 1
"""How often the mean code takes the place of the first image's."""


def patch_orders(codes: Tensor, refinements: int = REFINEMENTS) -> Tensor:
    """Orders that bring every image's patches to the places of the first image's.

    Patches are assigned to those of image 0, then to the mean code over images, by least squared
    distance in total. A sum of squared distances over a full assignment differs from minus twice
    the sum of products by a constant, so that products decide.

    Args:
        codes: ``(N, P, D)``, every image's patches in a different order.
        refinements: how often the mean code takes the place of image 0.

    Returns:
        ``(N, P)`` int64: ``in_order(codes, orders)`` has one order for all images, unknown but
        shared.
    """
    orders = _assigned(codes, codes[0])
    for _ in range(refinements):
        orders = _assigned(codes, _mean_code(codes, orders))
    return orders


def in_order(codes: Tensor, orders: Tensor) -> Tensor:
    """Codes with image n's patch ``orders[n, p]`` at place p."""
    return codes.gather(1, orders[..., None].expand_as(codes))


def _assigned(codes: Tensor, reference: Tensor) -> Tensor:
    """For each image, the patch that belongs to each patch of the reference ``(P, D)``."""
    count, positions, _ = codes.shape
    step = max(1, PRODUCT_BYTES // (positions**2 * codes.element_size()))
    orders = torch.empty((count, positions), dtype=torch.int64, device=codes.device)
    each_once = torch.arange(positions, device=codes.device)
    for start in range(0, count, step):
        products = torch.matmul(reference, codes[start : start + step].transpose(1, 2))
        best = products.argmax(dim=2)  # if no patch is taken twice, this is the assignment
        orders[start : start + step] = best
        settled = (best.sort(dim=1).values == each_once).all(dim=1)
        for i in (~settled).nonzero()[:, 0].tolist():
            orders[start + i] = greatest_score(products[i])
    return orders


def _mean_code(codes: Tensor, orders: Tensor) -> Tensor:
    """The mean over ordered images, without a copy of all codes."""
    total = torch.zeros_like(codes[0])
    for image, order in zip(codes, orders, strict=True):
        total += image[order]
    return total / len(codes)
