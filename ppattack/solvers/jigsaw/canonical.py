"""Pieces in an order and in states that do not depend on how they were scrambled.

What is made of them then depends on the image alone: any two keys give the same result, down to
ties and to the draws of a randomised search.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Arrangement, Indices, States
from ppattack.blocks import COLOUR_ORDERS, dihedral_table

COMPARED = 2
"""Images whose pieces are compared: more would only decide between pieces that are equal here."""


def in_state(pieces: Tensor, state: Indices, group: States) -> Tensor:
    """Each piece in its state.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8.
        state: ``(n,)``.
        group: the states.
    """
    images, count, channels, size, _ = pieces.shape
    pixel = torch.from_numpy(dihedral_table(size)[group.dihedral[state]])  # (n, B²)
    flat = pieces.cpu().reshape(images, count, channels, size * size)
    flat = flat.gather(3, pixel[None, :, None].expand_as(flat))
    if channels == len(COLOUR_ORDERS[0]):
        order = torch.from_numpy(COLOUR_ORDERS[group.colour[state]])
        flat = flat.gather(2, order[None, :, :, None].expand_as(flat))
    flip = torch.from_numpy((group.negative[state] * 255).astype(np.uint8))
    return (flat ^ flip[:, None, None]).view(pieces.shape).to(pieces.device)


def canonical(pieces: Tensor, group: States) -> tuple[Indices, Indices]:
    """The order of the pieces, and the state for each in that order, that come first.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8.
        group: the states.
    """
    count = pieces.shape[1]
    compared = pieces[:COMPARED]
    every = np.arange(group.count)
    least: list[bytes] = []
    state = np.zeros(count, np.intp)
    for piece in range(count):
        same = compared[:, piece : piece + 1].expand(-1, group.count, -1, -1, -1)
        views = in_state(same, every, group).transpose(0, 1).cpu().contiguous().numpy()
        found = [view.tobytes() for view in views]
        first = min(found)
        least.append(first)
        state[piece] = found.index(first)
    order = np.array(sorted(range(count), key=least.__getitem__), np.intp)
    return order, state[order]


def of_the_originals(
    found: Arrangement, order: Indices, state: Indices, group: States
) -> Arrangement:
    """An arrangement of pieces in canonical order and states, for the pieces as they were."""
    return Arrangement(order[found.grid], group.compose[found.state, state[found.grid]])
