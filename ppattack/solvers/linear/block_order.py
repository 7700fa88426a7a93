"""Which block of the plain image a ciphertext's block is, if all matrices are orthogonal.

Orthogonal matrices keep inner products, so the inner products of all known vectors at one place
are a fingerprint of the place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import least_cost

MOST_VECTORS = 48
"""Vectors at a place whose inner products are compared, at most."""


def block_order(plain: Tensor, ciphers: Tensor) -> Tensor:
    """For each block of the ciphertexts, the place of its block in the plain images.

    Args:
        plain: ``(N, n, k, D)`` known vectors.
        ciphers: ``(N, n, k, D)``, their ciphertexts, blocks in another order.

    Returns:
        ``(n,)`` int64 on the same device.
    """
    return least_cost(torch.cdist(_products(ciphers), _products(plain)))


def _products(vectors: Tensor) -> Tensor:
    """``(n, F)``: inner products of the vectors at each place."""
    rows = vectors.transpose(0, 1).flatten(1, 2)[:, :MOST_VECTORS].float()
    grams = rows @ rows.transpose(1, 2)
    first, second = torch.triu_indices(rows.shape[1], rows.shape[1], device=rows.device)
    return grams[:, first, second]
