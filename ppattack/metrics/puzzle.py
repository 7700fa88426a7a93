"""How far a puzzle of blocks was solved: D_c, N_c and L_c from the literature on block scrambling.

``D_c`` is the fraction of blocks at their own place, ``N_c`` the fraction of seams at which the
right blocks meet, ``L_c`` the largest part without a wrong seam, as a fraction of the blocks. A
seam is right if the two blocks relate to each other as in the plain image: side, orientation,
complement and colour order. So ``N_c`` and ``L_c`` are the same for an image and for that image
turned, mirrored, complemented or recoloured as a whole; ``D_c`` is taken in the global state of the
largest part, ``raw_direct`` as it is.

Reference: T. Chuman, K. Kurihara, H. Kiya, "Security Evaluation for Block Scrambling-Based ETC
Systems against Extended Jigsaw Puzzle Solver Attacks", ICASSP 2017; the largest part decides the
orientation in A. Gallagher, "Jigsaw Puzzles with Pieces of Unknown Orientation", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ppattack.block_states import STEPS, Arrangement, Indices, States
from ppattack.blocks import COLOUR_ORDERS, byte_numbers, dihedral_table
from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.permxor import PermXor

Values = NDArray[np.float64]
NOWHERE = -1
"""The origin of a block that is not a whole plain block."""
BOTH = (0, 1)
"""Sides to the right and below: every seam once."""


@dataclass(frozen=True)
class Assembled:
    """Assembled images in terms of the plain ones, rows and columns of blocks.

    Args:
        origin: ``(N, rows, columns)`` the plain image's place of the block at each place.
        state: ``(N, rows, columns)`` what is left to undo there; 0 if the block is plain.
    """

    origin: Indices
    state: Indices


@dataclass(frozen=True)
class PuzzleScores:
    """Scores of assembled images, each ``(N,)`` in 0..1; higher means more of the image.

    Args:
        direct: D_c, strict: place and state, in the global state of the largest part.
        neighbour: N_c, strict.
        largest: L_c, strict.
        raw_direct: D_c, strict, of the images as the attack returned them.
        position_direct: D_c by place alone, in the same global state.
        position_neighbour: N_c if it counts where the right blocks touch, in whatever state.
        position_largest: L_c likewise.
    """

    direct: Values
    neighbour: Values
    largest: Values
    raw_direct: Values
    position_direct: Values
    position_neighbour: Values
    position_largest: Values


def from_arrangements(
    found: Sequence[Arrangement], true: Sequence[Arrangement], group: States
) -> Assembled:
    """The images that found arrangements make from ciphertexts, which the true ones make plain.

    Args:
        found: one per image.
        true: one per image, or one for all.
        group: the states.

    Raises:
        ImageError: if an arrangement does not hold every block once.
    """
    origins, states = [], []
    for i, ours in enumerate(found):
        theirs, shape = true[i if len(true) > 1 else 0], ours.grid.shape
        for grid in (ours.grid, theirs.grid):
            if grid.shape != shape or (np.sort(grid, axis=None) != np.arange(grid.size)).any():
                raise ImageError(
                    f"an arrangement of {shape} blocks must hold each of them once, and so must "
                    "the true one."
                )
        origin = np.argsort(theirs.grid.reshape(-1))[ours.grid.reshape(-1)]
        applied = group.inverse[theirs.state.reshape(-1)[origin]]
        origins.append(origin.reshape(shape))
        states.append(group.compose[ours.state.reshape(-1), applied].reshape(shape))
    return Assembled(np.stack(origins), np.stack(states))


def from_keys(
    found: PermXor, true: PermXor, shape: ImageShape, block_size: int, group: States
) -> Assembled:
    """The images that decryption with a recovered key makes from the ciphertexts.

    A block counts as a plain block in a state if more than half of its bytes agree.

    Args:
        found: the recovered key over bytes, for all images or one each.
        true: the victims' key, likewise.
        shape: ``(C, H, W)`` of the ciphertexts.
        block_size: edge of a block, pixels.
        group: the states.

    Raises:
        ImageError: if the keys are not for the same images.
        NotInvertible: if a key loses symbols.
    """
    made = found.inverse().after(true)
    index, mask = np.atleast_2d(made.index), np.atleast_2d(made.mask)
    numbers = byte_numbers(shape, block_size)  # (n, B², C)
    rows, columns = shape[1] // block_size, shape[2] // block_size
    home = np.empty(numbers.size, np.intp)
    home[numbers.reshape(-1)] = np.arange(numbers.size)  # block · B²C + place in it
    inside = _sources_in_block(block_size, shape[0], group)
    flip = (group.negative * 255).astype(np.uint8)
    origins = np.empty((len(index), len(numbers)), np.intp)
    states = np.empty_like(origins)
    for i, (sources, masks) in enumerate(zip(index, mask, strict=True)):
        at = numbers.reshape(len(numbers), -1)
        block, place = np.divmod(home[sources[at]], inside.shape[1])
        origins[i], states[i] = _by_majority(block, place, masks[at], inside, flip)
    grid = (len(index), rows, columns)
    return Assembled(origins.reshape(grid), states.reshape(grid))


def scores(assembled: Assembled, group: States) -> PuzzleScores:
    """D_c, N_c and L_c of each image; a puzzle of one block has no seam and N_c 1."""
    _, rows, columns = assembled.origin.shape
    strict, touching = _right_seams(assembled, group)
    sizes, position_sizes = _part_sizes(strict), _part_sizes(touching)
    blocks, seams = rows * columns, 2 * rows * columns - rows - columns
    raw, _ = _direct(assembled, 0, group)
    direct, position = _direct_of_largest(assembled, sizes, group)
    return PuzzleScores(
        direct=direct,
        neighbour=_share(strict, seams),
        largest=sizes.max(axis=1) / blocks,
        raw_direct=raw,
        position_direct=position,
        position_neighbour=_share(touching, seams),
        position_largest=position_sizes.max(axis=1) / blocks,
    )


def over_keys(found: PuzzleScores, select: Literal["max", "mean"] = "mean") -> PuzzleScores:
    """One score per image, from its scores under several keys.

    Args:
        found: arrays of shape ``(images, keys)``.
        select: ``mean`` over the keys; or ``max``, the published protocol, which keeps the key
            with the largest D_c + N_c + L_c and so flatters the attack.
    """
    total = found.direct + found.neighbour + found.largest
    best = total.argmax(axis=1)[:, None]

    def one(values: Values) -> Values:
        if select == "mean":
            return np.asarray(values.mean(axis=1))
        return np.take_along_axis(values, best, axis=1)[:, 0]

    return PuzzleScores(*(one(getattr(found, field.name)) for field in fields(PuzzleScores)))


def _sources_in_block(block_size: int, channels: int, group: States) -> Indices:
    """``(S, B²C)``: where each byte of a block in each state comes from in the plain block."""
    orders = COLOUR_ORDERS if channels == len(COLOUR_ORDERS[0]) else np.arange(channels)[None]
    pixel = dihedral_table(block_size)[group.dihedral]
    channel = orders[group.colour]
    found = pixel[:, :, None] * channels + channel[:, None]
    return found.reshape(group.count, -1)


def _by_majority(
    block: Indices,
    place: Indices,
    mask: NDArray[np.uint8],
    inside: Indices,
    flip: NDArray[np.uint8],
) -> tuple[Indices, Indices]:
    """The plain block and state that most bytes of each assembled block agree on.

    Args:
        block: ``(n, B²C)`` the plain block of each byte.
        place: ``(n, B²C)`` its place in that block.
        mask: ``(n, B²C)``.
        inside: ``(S, B²C)`` the places that each state takes bytes from.
        flip: ``(S,)`` the mask of each state.
    """
    middle = np.median(block, axis=1).astype(np.intp)  # a block with a majority is the median
    own = block == middle[:, None]
    kinds = zip(inside, flip, strict=True)
    agree = np.stack([(own & (place == row) & (mask == bits)).sum(1) for row, bits in kinds], 1)
    state = agree.argmax(axis=1)
    sure = 2 * agree.max(axis=1) > block.shape[1]
    return np.where(sure, middle, NOWHERE), np.where(sure, state, 0)


def _right_seams(
    assembled: Assembled, group: States
) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Per direction (to the right, below): seams that are right, strictly and by place."""
    origin, state = assembled.origin, assembled.state
    columns = origin.shape[2]
    place = np.stack(np.divmod(origin, columns), axis=-1)
    strict, touching = [], []
    for side in BOTH:
        cut = (np.s_[:, :, :-1], np.s_[:, :, 1:]) if side == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        before, after = cut
        known = (origin[before] != NOWHERE) & (origin[after] != NOWHERE)
        step = place[after] - place[before]
        # The assembled pair is the plain one in a common state: once undone, it must fit there.
        wanted = STEPS[group.side[group.inverse[state[before]], side]]
        same = (state[before] == state[after]) & (step == wanted).all(-1)
        strict.append(known & same)
        touching.append(known & (np.abs(step).sum(-1) == 1))
    return strict, touching


def _part_sizes(seams: list[NDArray[np.bool_]]) -> Indices:
    """``(N, rows · columns)``: how many blocks each block's part has."""
    across, down = seams
    count, rows, columns = len(across), across.shape[1], down.shape[2]
    number = np.arange(count * rows * columns).reshape(count, rows, columns)
    ends = [
        (number[:, :, :-1][across], number[:, :, 1:][across]),
        (number[:, :-1][down], number[:, 1:][down]),
    ]
    first, second = (np.concatenate(end) for end in zip(*ends, strict=True))
    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), (number.size, number.size))
    _, label = connected_components(graph, directed=False)
    sizes: Indices = np.bincount(label)[label].reshape(count, -1)
    return sizes


def _share(seams: list[NDArray[np.bool_]], total: int) -> Values:
    right = sum(part.sum(axis=(1, 2)) for part in seams)
    return np.asarray(right, np.float64) / total if total else np.ones(len(seams[0]))


def _direct(assembled: Assembled, undo: int, group: States) -> tuple[Values, Values]:
    """D_c, strict and by place, of images after a state is applied."""
    count, rows, columns = assembled.origin.shape
    places = np.arange(rows * columns, dtype=np.intp).reshape(rows, columns)
    turned = Arrangement(places, np.zeros_like(places)).turned(undo, group)
    origin = assembled.origin.reshape(count, -1)[:, turned.grid.reshape(-1)]
    state = assembled.state.reshape(count, -1)[:, turned.grid.reshape(-1)]
    there = origin == places.reshape(-1)
    plain = group.compose[undo, state] == 0
    return (there & plain).mean(axis=1), there.mean(axis=1)


def _direct_of_largest(
    assembled: Assembled, sizes: Indices, group: States
) -> tuple[Values, Values]:
    """D_c in the global state of the largest part, or of the best if several are as large.

    A part that lies sideways in an image that is not square has no such state: nothing is turned.
    """
    count, rows, columns = assembled.origin.shape
    state = assembled.state.reshape(count, -1)
    direct, position = np.zeros(count), np.zeros(count)
    for i in range(count):
        one = Assembled(assembled.origin[i : i + 1], assembled.state[i : i + 1])
        left = np.unique(state[i][sizes[i] == sizes[i].max()])
        undo = np.intersect1d(group.inverse[left], group.upright(rows, columns)).tolist()
        found = [_direct(one, turn, group) for turn in undo or [0]]
        direct[i], position[i] = max((float(d[0]), float(p[0])) for d, p in found)
    return direct, position
