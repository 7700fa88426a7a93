"""Parts of a block that slid along or turned over: ends of a search that no exchange leaves.

Within such a part all neighbours are right, so that only its border tells. Rings of pixels around
a rectangle that go round by one, rectangles in reverse order and lines that shift lead from one to
another of these ends, and to the truth.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from ppattack.blocks import dihedral_table
from ppattack.solvers.shared_blocks.models import Places, rings_of
from ppattack.solvers.shared_blocks.pixels import Pixels
from ppattack.solvers.shared_blocks.statistics import Single

TRIED = 6
"""Moves that are followed by exchanges, the most promising first, until one gains."""
NEAREST = 50
"""Moves that are compared with leaving all as it is."""
MOST_SLIDES = 8
"""Moves made one after the other, at most."""

Moves = tuple[Places, Places]
"""``(M, k)`` places, and likewise the places that their pixels come from."""


def slid(pixels: Pixels, gain: float) -> Places:
    """Slide parts of a block, and exchange pixels, as long as that makes it likelier.

    Args:
        pixels: in an order that no exchange improves, channels in the likeliest order.
        gain: by which the misfit must fall.

    Returns:
        ``(P,)``: the number of the pixel at each place.
    """
    edge = pixels.cipher.geometry.edge
    seen, weights = pixels.by_pixels.mean(2), pixels.cipher.by_pixels.mean(2)
    order = np.arange(pixels.count)
    least = pixels.found(order).misfit
    for _ in range(MOST_SLIDES):
        for move in promising(seen[order[:, None], order], weights, edge)[:TRIED]:
            end = pixels.exchanged(_made(order, move))
            misfit = pixels.found(end).misfit
            if misfit < least - gain:
                break
        else:
            break
        least, order = misfit, end
    return order


def nearest(pixels: Pixels) -> list[Places]:
    """Orders of pixels that a slide makes, those of grey pixels that fit best."""
    seen, weights = pixels.by_pixels.mean(2), pixels.cipher.by_pixels.mean(2)
    moved = promising(seen, weights, pixels.cipher.geometry.edge)
    return [_made(np.arange(pixels.count), move) for move in moved]


def _made(order: Places, move: Moves) -> Places:
    moved = order.copy()
    moved[move[0]] = order[move[1]]
    return moved


def promising(seen: Single, weights: Single, edge: int) -> list[Moves]:
    """The moves that lower the misfit of grey pixels most, or raise it least.

    Args:
        seen: ``(P, P)`` covariance of the grey pixels now at each place.
        weights: ``(P, P)``, the model's precisions.
        edge: of a block, pixels.
    """
    alone, count = seen @ weights.T, len(seen)
    stays = alone.diagonal()
    costs, groups = [], moves(edge)
    for to, from_ in groups:
        rows, others = count * to[:, :, None], count * from_[:, :, None]
        here = rows + to[:, None]
        both = seen.take(others + from_[:, None]) + seen.take(here)
        both -= 2 * seen.take(others + to[:, None])
        pairs = np.einsum("mij,mij->m", both, weights.take(here))
        costs.append(2 * (alone[from_, to] - stays[to]).sum(1) + pairs)
    if not costs:
        return []  # in so small a block there are only exchanges and turns
    every = np.concatenate(costs)
    owner = np.repeat(np.arange(len(groups)), [len(each) for each in costs])
    first = np.cumsum([0, *(len(each) for each in costs)])
    found = []
    for number in np.argsort(every)[:NEAREST].tolist():
        to, from_ = groups[owner[number]]
        row = number - first[owner[number]]
        found.append((to[row], from_[row]))
    return found


@lru_cache(maxsize=2)
def moves(edge: int) -> tuple[Moves, ...]:
    """All moves of parts of a block, those of as many pixels together; not turns of it all."""
    grid = np.arange(edge**2).reshape(edge, edge)
    turns = {tuple(turn) for turn in dihedral_table(edge).tolist()}
    found: dict[tuple[int, ...], Moves] = {}
    for high, wide in product(range(1, edge + 1), repeat=2):
        for top, left in product(range(edge - high + 1), range(edge - wide + 1)):
            part = grid[top : top + high, left : left + wide]
            for to, from_ in _of_a_part(part):
                order = _made(grid.reshape(-1), (to, from_))
                there = np.flatnonzero(order != grid.reshape(-1))
                found[tuple(order.tolist())] = there, order[there]
    found = {order: move for order, move in found.items() if order not in turns}
    sizes = sorted({len(to) for to, _ in found.values()})
    groups = [[move for move in found.values() if len(move[0]) == size] for size in sizes]
    return tuple(
        (np.stack([to for to, _ in group]), np.stack([from_ for _, from_ in group]))
        for group in groups
    )


def _of_a_part(part: Places) -> list[Moves]:
    """Places of a rectangle, and the places that their pixels come from, for each of its moves."""
    line = part.reshape(-1)
    if min(part.shape) == 1:
        ways = [line[::-1], np.roll(line, 1), np.roll(line, -1)]
        return [(line, way) for way in ways] if len(line) > 2 else []  # two are exchanged anyway
    found = [(line, part[::-1].reshape(-1)), (line, part[:, ::-1].reshape(-1))]
    rings = rings_of(part)
    for depth in range(1, len(rings) + 1):
        for step in (1, -1):
            turned = [np.roll(ring, step) for ring in rings[:depth]]
            found.append((np.concatenate(rings[:depth]), np.concatenate(turned)))
    return found
