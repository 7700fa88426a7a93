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
from ppattack.solvers.neuracrypt.codes import Codes

PRODUCT_BYTES = 64 << 20
"""Bytes of products held at a time."""
REFINEMENTS = 1
"""How often the mean code takes the place of the first image's."""


def patch_orders(codes: Tensor | Codes, refinements: int = REFINEMENTS) -> Tensor:
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
    given = Codes.of(codes)
    orders = _assigned(given, given[:1][0])
    for _ in range(refinements):
        orders = _assigned(given, given.rearranged(orders).mean())
    return orders


def in_order(codes: Tensor, orders: Tensor) -> Tensor:
    """Codes with image n's patch ``orders[n, p]`` at place p."""
    return codes.gather(1, orders[..., None].expand_as(codes))


def _assigned(codes: Codes, reference: Tensor) -> Tensor:
    """For each image, the patch that belongs to each patch of the reference ``(P, D)``."""
    orders = []
    for _, part in codes.batches():
        orders += [
            _nearest(reference, images)
            for images in part.split(max(1, PRODUCT_BYTES // (4 * len(reference) ** 2)))
        ]
    return torch.cat(orders)


def _nearest(reference: Tensor, codes: Tensor) -> Tensor:
    products = torch.matmul(reference, codes.transpose(1, 2))
    orders = products.argmax(dim=2)  # if no patch is taken twice, this is the assignment
    each_once = torch.arange(len(reference), device=codes.device)
    settled = (orders.sort(dim=1).values == each_once).all(dim=1)
    for i in (~settled).nonzero()[:, 0].tolist():
        orders[i] = greatest_score(products[i])
    return orders
