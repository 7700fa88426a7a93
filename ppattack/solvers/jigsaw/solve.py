"""Solve a jigsaw puzzle, or many puzzles together whose pieces moved the same way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Arrangement, States, states
from ppattack.blocks import COLOUR_ORDERS
from ppattack.errors import ImageError
from ppattack.seeding import numpy_stream
from ppattack.solvers.jigsaw import assembly as rebuilding
from ppattack.solvers.jigsaw import gallagher
from ppattack.solvers.jigsaw.candidates import Seams, Table
from ppattack.solvers.jigsaw.canonical import canonical, in_state, of_the_originals
from ppattack.solvers.jigsaw.compatibility import MEASURES, Measure
from ppattack.solvers.jigsaw.exhaustive import MOST_BLOCKS, best_arrangements
from ppattack.solvers.jigsaw.learned_seams import LearnedSeams, usable
from ppattack.solvers.jigsaw.nearby import nearest
from ppattack.solvers.jigsaw.refinement import seam_values, total
from ppattack.solvers.jigsaw.seam_table import indifference, log_costs, surprise
from ppattack.solvers.jigsaw.sparse_table import SparseTable, sparse_log_costs, sparse_surprise

MOST_SEAMS = 1 << 31
"""Entries of the table of all seams, 4 bytes each: 2,364 pieces in 96 states."""
MOST_FROM_ONE, MOST_FROM_MANY = 1 << 29, 1 << 26
"""Entries from which only the seams of likely neighbours are compared. One image tells less surely
which those are, and to leave some out costs accuracy."""
MANY_IMAGES = 8
MOST_PIECES = 4096
"""Pieces of which the likely neighbours are found: blocks of 4 pixels of images of 256."""
NEAR = 128
"""Likely neighbours of a piece, from one image."""
FEWEST_NEAR = 32
"""The same from many images, which leave fewer pieces likely."""
Assembly = Literal["rebuilding", "gallagher"]
ASSEMBLIES: tuple[Assembly, ...] = get_args(Assembly)
SHARPNESS_OVER_GAPS = 0.5
"""A measure of seams is this much as sharp where pixels are missing between blocks."""
ROUNDS = 200
PATIENCE = 80


@dataclass(frozen=True)
class Solution:
    """A solved puzzle.

    Args:
        arrangement: where each piece belongs and the state that undoes its own, up to one state
            of the whole image.
        group: the states that were searched.
        confidence: ``(rows, columns)`` in 0..1: how likely the seams around a piece are right,
            by the measure's own account.
        notes: numbers for a report.
    """

    arrangement: Arrangement
    group: States
    confidence: np.ndarray
    notes: Mapping[str, Any]


def solve(
    pieces: Tensor,
    rows: int,
    columns: int,
    *,
    turns: bool = True,
    flips: bool = True,
    negatives: bool = True,
    colours: bool = True,
    gap: int = 0,
    compatibility: str = "regularised-mgc",
    assembly: Assembly = "rebuilding",
    seed: int = 0,
    rounds: int = ROUNDS,
    seams: LearnedSeams | None = None,
    attempts: int = 0,
) -> Solution:
    """Find each piece's place and state.

    How the pieces were scrambled makes no difference to the image that results, up to one state
    of all of it.

    Args:
        pieces: ``(n, C, B, B)`` uint8 of one image, or ``(N, n, C, B, B)`` of N images whose
            pieces went the same way.
        rows: pieces from top to bottom of the image, rows · columns = n.
        columns: pieces from left to right.
        turns: whether pieces can be turned by quarters; without them, flips make half turns.
        flips: whether they can be mirrored.
        negatives: whether they can be complemented.
        colours: whether their channels can have changed places; no effect unless C = 3.
        gap: pixels missing between neighbouring pieces, on each side of a border.
        compatibility: name of a measure in :data:`.compatibility.MEASURES`.
        assembly: ``rebuilding``, or ``gallagher`` as published. Up to four pieces, ``rebuilding``
            is an exhaustive search.
        seed: for the random choices of the assembly.
        rounds: how often a part is taken out and grown again, at most.
        seams: in place of the measure, for pieces of one image that only moved.
        attempts: how often a puzzle is put together, results crossed included, at most; 0: up to
            38 times if it is small, once if it is large.

    Raises:
        ImageError: if the shape or type does not fit, or a name is unknown.
    """
    pieces = _checked(pieces, rows, columns, compatibility, assembly)
    colours = colours and pieces.shape[2] == len(COLOUR_ORDERS[0])
    group = states(colours=colours, turns=turns, flips=flips, negatives=negatives)
    refuse_too_many(rows * columns, group.count, assembly)
    if rows * columns == 1:
        one = np.zeros((1, 1), np.intp)
        return Solution(Arrangement(one, one), group, np.ones((1, 1)), {"pieces": 1})
    order, state = canonical(pieces, group)
    pieces = in_state(pieces[:, order], state, group)
    measure = MEASURES[compatibility]
    if gap:
        measure = replace(measure, sharpness=measure.sharpness * SHARPNESS_OVER_GAPS)
    if len(pieces) > 1 or group.count > 1 or not usable(rows * columns, int(pieces.shape[4])):
        seams = None
    found, table, notes = _arranged(
        pieces, rows, columns, group, seams or measure, assembly, seed, rounds, attempts
    )
    return Solution(
        of_the_originals(found, order, state, group),
        group,
        _confidence(found, table, group),
        {
            "pieces": rows * columns,
            "states": group.count,
            "seams": "measured" if seams is None else "learned from public images",
            **notes,
        },
    )


def _arranged(
    pieces: Tensor,
    rows: int,
    columns: int,
    group: States,
    measure: Measure | LearnedSeams,
    assembly: Assembly,
    seed: int,
    rounds: int,
    attempts: int,
) -> tuple[Arrangement, Seams, dict[str, Any]]:
    """An arrangement of pieces ``(N, n, C, B, B)``, the surprises of their seams, and notes."""
    started = time.perf_counter()
    table: Seams
    found = None
    if isinstance(measure, LearnedSeams):
        surprises = measure.surprise(pieces[0])
        table = surprises.cpu().numpy()
    elif assembly == "rebuilding" and _is_large(rows * columns, group.count, len(pieces)):
        table = _likely_seams(pieces, group, measure)
    else:
        table, found = _all_seams(pieces, rows, columns, group, measure, assembly)
    compared = time.perf_counter()
    notes: Mapping[str, Any] = {}
    indifferent = indifference(table)
    if found is None:
        rng = numpy_stream(seed, "jigsaw")
        found, notes = rebuilding.assemble(
            table,
            rows,
            columns,
            group,
            indifferent,
            rng,
            rounds=rounds,
            patience=PATIENCE,
            attempts=attempts,
        )
    if isinstance(measure, LearnedSeams) and measure.edges is not None:
        found = measure.edges.slid(found, surprises[:, :, 0], pieces[0])
    return (
        found,
        table,
        {
            "surprise": total(found, table, group),
            "surprise_of_any_arrangement": indifferent * (2 * rows * columns - rows - columns),
            **notes,
            "seconds": {
                "compatibility": round(compared - started, 3),
                "assembly": round(time.perf_counter() - compared, 3),
            },
        },
    )


def too_many(pieces: int, states: int, assembly: Assembly) -> int:
    """0 if a puzzle is not too large; else the most pieces that are not too many."""
    dense = int((MOST_SEAMS / 4 / states) ** 0.5)
    most = dense if assembly == "gallagher" else max(dense, MOST_PIECES)
    return 0 if pieces <= most else most


def refuse_too_many(pieces: int, states: int, assembly: Assembly) -> None:
    """Raise ImageError if a puzzle is too large."""
    most = too_many(pieces, states, assembly)
    if most:
        raise ImageError(
            f"{pieces} pieces in {states} states are too many to compare (at most {most}): use "
            "smaller images, or switch off what the scheme does not do."
        )


def seams_compared(pieces: int, states: int, images: int) -> int:
    """How many seams of each image are compared in a puzzle."""
    near = FEWEST_NEAR if _is_large(pieces, states, images) else pieces
    return 4 * states * pieces * near


def _is_large(pieces: int, states: int, images: int) -> bool:
    """Whether only likely seams are compared."""
    most = MOST_FROM_MANY if images >= MANY_IMAGES else MOST_FROM_ONE
    return 4 * states * pieces**2 > most and pieces <= MOST_PIECES


def _likely_seams(pieces: Tensor, group: States, measure: Measure) -> SparseTable:
    """The surprises of the seams between pieces that may be neighbours."""
    images, count = pieces.shape[:2]
    near = nearest(pieces, min(max(NEAR // images, FEWEST_NEAR), count - 1))
    costs = sparse_log_costs(pieces, near, group, measure)
    return sparse_surprise(costs, near, group, _sharpness(measure, pieces))


def _all_seams(
    pieces: Tensor, rows: int, columns: int, group: States, measure: Measure, assembly: Assembly
) -> tuple[Table, Arrangement | None]:
    """The surprises of all seams, and the arrangement if the costs themselves give it."""
    costs = log_costs(pieces, group, measure)
    found = None
    if assembly == "gallagher":
        found = gallagher.assemble(costs.cpu().numpy(), rows, columns, group)
    elif rows * columns <= MOST_BLOCKS:
        # With few pieces most sides have no neighbour at all, so the best one means little.
        found = best_arrangements(costs.transpose(2, 3)[None], rows, columns, group)[0]
    return surprise(costs, group, _sharpness(measure, pieces)).cpu().numpy(), found


def _sharpness(measure: Measure, pieces: Tensor) -> float:
    """By chance alone, sums over images differ by the square root of their number."""
    return float(measure.sharpness / len(pieces) ** 0.5)


def _checked(pieces: Tensor, rows: int, columns: int, compatibility: str, assembly: str) -> Tensor:
    if pieces.ndim == 4:
        pieces = pieces[None]
    shape = tuple(pieces.shape)
    if pieces.dtype != torch.uint8 or pieces.ndim != 5 or shape[3] != shape[4] or 0 in shape:
        raise ImageError(
            f"pieces must be uint8 of shape (n, C, B, B) or (N, n, C, B, B); got {pieces.dtype} "
            f"of shape {shape}."
        )
    if min(rows, columns) < 1 or rows * columns != shape[1]:
        raise ImageError(f"{rows} rows of {columns} pieces need as many pieces; got {shape[1]}.")
    for name, given, known in (
        ("compatibility", compatibility, tuple(MEASURES)),
        ("assembly", assembly, ASSEMBLIES),
    ):
        if given not in known:
            raise ImageError(f"{name} '{given}' is unknown; choose one of {', '.join(known)}.")
    return pieces


def _confidence(found: Arrangement, table: Seams, group: States) -> np.ndarray:
    """The mean over the seams around each piece of how likely they are."""
    right, below = (np.exp(-value.astype(np.float64)) for value in seam_values(found, table, group))
    sums = np.zeros(found.grid.shape)
    seams = np.zeros(found.grid.shape)
    for part, before, after in (
        (right, np.s_[:, :-1], np.s_[:, 1:]),
        (below, np.s_[:-1], np.s_[1:]),
    ):
        for end in (before, after):
            sums[end] += part
            seams[end] += 1
    return np.divide(sums, seams, out=np.ones_like(sums), where=seams > 0)
