"""The group of block states: a turn or flip, a complement, a colour order.

A state acts on a block ``(C, B, B)``: first the dihedral element, then the complement, then the
channel order, which commute. States are numbered ``(dihedral · 2 + complement) · K + colour``
with K = 6 colour orders, or K = 1 if colours stay. A subgroup numbers its own elements in the
same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ppattack.blocks import COLOUR_ORDERS, byte_numbers, dihedral_table, place
from ppattack.permxor import PermXor
from ppattack.target.structure import Structure

Indices = NDArray[np.intp]
RIGHT, BELOW, LEFT, ABOVE = range(4)
"""Sides of a block: side k is the right one after k counter-clockwise quarter turns."""
STEPS: Indices = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]], dtype=np.intp)
"""From a block to the one at its side, (row, column)."""


@dataclass(frozen=True)
class States:
    """Tables of the group.

    Args:
        dihedral: ``(S,)`` dihedral element of each state.
        negative: ``(S,)`` 1 for states that complement.
        colour: ``(S,)`` colour code of each state.
        compose: ``(S, S)``, ``compose[s, t]`` is t followed by s.
        inverse: ``(S,)``.
        side: ``(S, 4)``, where a state takes each side.
        matrix: ``(S, 2, 2)``, where a state takes a (row, column) vector.
    """

    dihedral: Indices
    negative: Indices
    colour: Indices
    compose: Indices
    inverse: Indices
    side: Indices
    matrix: Indices

    @property
    def count(self) -> int:
        """How many states there are: 96, 16 without colours, fewer in a subgroup."""
        return len(self.dihedral)

    @property
    def turns(self) -> bool:
        """Whether a state can exchange rows and columns."""
        return bool((self.dihedral % 2 == 1).any())

    def upright(self, rows: int, columns: int) -> Indices:
        """The states that leave the shape of a whole image as it is."""
        swaps = self.dihedral % 2 == 1
        return np.flatnonzero(~swaps | (rows == columns))


def states_of(structure: Structure, channels: int) -> States:
    """The states that the blocks of a scheme can have, for images with ``channels`` channels."""
    return states(
        colours=structure.colours and channels == len(COLOUR_ORDERS[0]),
        turns=structure.turns,
        flips=structure.flips,
        negatives=structure.negatives,
    )


@cache
def states(
    *, colours: bool, turns: bool = True, flips: bool = True, negatives: bool = True
) -> States:
    """The group, of 96 states with colours and 16 without.

    Args:
        colours: whether channels change places.
        turns: whether there are quarter turns; without them, flips make half turns.
        flips: whether there are reflections.
        negatives: whether there are complements.
    """
    orders = COLOUR_ORDERS if colours else COLOUR_ORDERS[:1]
    step = 1 if turns else 2 if flips else 4
    elements = np.arange(0, 8 if flips else 4, step)
    tables = dihedral_table(3)[elements]
    signs = np.arange(2 if negatives else 1)
    turn, sign, order = (
        part.reshape(-1) for part in np.indices((len(elements), len(signs), len(orders)))
    )
    turn_product, order_product = _products(tables), _products(orders)
    compose = (turn_product[turn[:, None], turn] * len(signs) + (sign[:, None] ^ sign)) * len(
        orders
    ) + order_product[order[:, None], order]
    centre = np.array([1, 1])
    went = np.argsort(tables, axis=1)  # where each pixel of a 3×3 block goes
    side_pixels = (STEPS + centre) @ np.array([3, 1])
    side = np.argsort(side_pixels)[np.searchsorted(np.sort(side_pixels), went[:, side_pixels])]
    matrix = np.stack([STEPS[side[:, BELOW]], STEPS[side[:, RIGHT]]], axis=2)
    return States(
        elements[turn],
        sign,
        order,
        compose,
        np.argmin(compose, axis=1),  # the identity is state 0
        side[turn],
        matrix[turn],
    )


def _products(gathers: Indices) -> Indices:
    """``[s, t]``: the element that gathers by t and then by s."""
    found = gathers[:, gathers].transpose(1, 0, 2)  # [s, t, i] = t[s[i]]
    return np.asarray((found[:, :, None] == gathers).all(3).argmax(2))


def transformation(state: int, shape: tuple[int, ...], group: States) -> PermXor:
    """What a state does to an image, over the bytes of ``shape``, (C, H, W)."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    element = int(group.dihedral[state])
    turned = np.rot90(numbers[..., ::-1] if element > 3 else numbers, element % 4, (1, 2))
    if shape[0] == len(COLOUR_ORDERS[0]):
        turned = turned[COLOUR_ORDERS[group.colour[state]]]
    mask = np.full(numbers.size, 255 * int(group.negative[state]), np.uint8)
    return PermXor(np.ascontiguousarray(turned).reshape(-1), mask)


@dataclass(frozen=True)
class Arrangement:
    """Where each cipher block belongs, and what undoes its encryption.

    Args:
        grid: ``(rows, columns)``, the cipher block at each place of the plain image.
        state: ``(rows, columns)``, the state that makes it plain.
    """

    grid: Indices
    state: Indices

    def turned(self, by: int, group: States) -> Arrangement:
        """The arrangement whose images are those of this one, in state ``by``."""
        rows, columns = self.grid.shape
        turns = np.arange(rows * columns, dtype=np.intp).reshape(rows, columns)
        element = int(group.dihedral[by])
        turns = np.rot90(turns[:, ::-1] if element > 3 else turns, element % 4)
        return Arrangement(
            self.grid.reshape(-1)[turns], group.compose[by, self.state.reshape(-1)[turns]]
        )

    def key(self, block_size: int, channels: int, group: States) -> PermXor:
        """The encryption key over bytes of ``(C, H, W)`` that this arrangement undoes."""
        rows, columns = self.grid.shape
        numbers = byte_numbers((channels, rows * block_size, columns * block_size), block_size)
        source = np.argsort(self.grid.reshape(-1))
        state = group.inverse[self.state.reshape(-1)[source]]
        pixel = dihedral_table(block_size)[group.dihedral[state]]
        channel = np.arange(channels)[None]
        if channels == len(COLOUR_ORDERS[0]):
            channel = COLOUR_ORDERS[group.colour[state]]
        index = numbers[source[:, None, None], pixel[:, :, None], channel[:, None]]
        mask = (group.negative[state] * 255).astype(np.uint8)[:, None, None]
        mask = np.broadcast_to(mask, index.shape)
        return PermXor(place(index[None], numbers)[0], place(mask[None], numbers)[0])
