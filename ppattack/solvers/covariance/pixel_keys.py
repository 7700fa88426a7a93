"""The key of a scheme that leaves every byte at its pixel, from ciphertexts under one key."""

from __future__ import annotations

from functools import partial

import numpy as np
from torch import Tensor

from ppattack.context import Alone, Workers
from ppattack.data.stacks import Images
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers.covariance import colour_orders, signed_graph
from ppattack.solvers.covariance.moments import GridMoments
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.sums import gathered


def recover(
    ciphertexts: Images,
    public: Tensor,
    *,
    colours: bool,
    workers: Workers | None = None,
    jpeg: Jpeg | None = None,
    others: Others | None = None,
) -> KeyEstimate:
    """Complements from the signs of correlations, then the channel order of every pixel.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, all under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        colours: whether the key reorders the channels of each pixel (RGB only).
        workers: gather statistics; None for this process.
        jpeg: what the ciphertexts went through, or None.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
    """
    channels, height, width = shape = _shape(ciphertexts)
    gather, workers = partial(_moments, shape), workers or Alone()
    seen = gathered(gather, ciphertexts, workers)
    graph = signed_graph.neighbour_graph(seen)
    signs = signed_graph.signs(graph)
    notes = {"sign_agreement": round(signed_graph.agreement(graph, signs), 4)}
    index = np.arange(signs.size)
    mask = np.where(signs < 0, 255, 0).astype(np.uint8)
    estimate = KeyEstimate(PermXor(index, mask), notes=notes)
    group = choice.group_for(channels)
    negatives = np.flatnonzero((group.dihedral == 0) & (group.colour == 0))
    estimate = estimate.settled(ciphertexts, public, negatives, jpeg, others)
    if not colours or channels != 3:
        return estimate
    known = np.where(estimate.key.mask > 0, -1, 1).astype(np.int8).reshape(shape)
    order = colour_orders.orders(seen, known, gathered(gather, public, workers))
    pixels = np.arange(height * width).reshape(height, width)
    moved = (order * (height * width) + pixels).reshape(-1)
    # The complements were found for the bytes' present places, so they follow the move.
    return KeyEstimate(PermXor(moved, estimate.key.mask), notes=estimate.notes)


def _moments(shape: tuple[int, int, int], images: Tensor) -> GridMoments:
    return GridMoments(shape).add(images)


def _shape(images: Images) -> tuple[int, int, int]:
    channels, height, width = images.shape[1:]
    return int(channels), int(height), int(width)
