"""Keys of schemes that treat all blocks alike, whether or not blocks change places.

Signs, the order of a block's bytes, the places of blocks and the state of the whole image, one
after the other; each needs no more than the blocks of a single ciphertext.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.block_states import transformation
from ppattack.blocks import byte_numbers, place
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers.blocks import puzzle as block_puzzle
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.solvers.jigsaw.learned_seams import LearnedSeams
from ppattack.solvers.jigsaw.seam_lessons import learned
from ppattack.solvers.shared_blocks.models import Geometry, Places, public_models
from ppattack.solvers.shared_blocks.outcome import Outcome
from ppattack.solvers.shared_blocks.search import MOST_ROUNDS, Search, usual_rounds
from ppattack.solvers.shared_blocks.statistics import (
    Array,
    Spectrum,
    contents,
    contents_lost,
    lines,
    losses,
    signs,
)
from ppattack.target.structure import Structure

MOVED = Structure("blocks-dihedral", moves_blocks=True, turns=False, flips=False, negatives=False)
"""What is left of a scheme once the bytes of its blocks are in order."""
MOST_COMPARED = 20
"""Ciphertexts under one key whose seams are compared."""
FEW_ATTEMPTS = 8
"""Attempts of the jigsaw of small blocks whose order is unsure: more hardly mend wrong ones."""
WIDEST = 99.0
"""Margin that is reported, at most."""


@dataclass(frozen=True)
class Solver:
    """What public images teach, used for every key.

    Args:
        structure: of the scheme, ``shared-block`` over bytes.
        geometry: of a block.
        models: of plain blocks.
        prior: chooses the state of the whole image, or None to leave it as found.
        seed: of the searches.
        rounds: searches, at most.
        seams: of blocks that moved, for a single ciphertext, or None to measure them.
        jpeg: what the ciphertexts went through, or None.
    """

    structure: Structure
    geometry: Geometry
    models: list[Spectrum]
    prior: StatePrior | None
    seed: int = 0
    rounds: int = MOST_ROUNDS
    seams: LearnedSeams | None = None
    jpeg: Jpeg | None = None

    def key(
        self, ciphertexts: Tensor, tick: Callable[[int], None] = lambda done: None
    ) -> tuple[PermXor, dict[str, Any]]:
        """The key of ciphertexts under one key, one at least.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8, H and W multiples of the block.
            tick: is told how many searches are done.

        Returns:
            the encryption key over bytes, and notes for a report.
        """
        rows = lines(ciphertexts, self.geometry.edge)
        flips = np.ones(rows.shape[1])
        if self.structure.negatives:
            flips = signs(rows)
        found = self._search((rows - 127.5) * flips, ciphertexts, flips).run(tick)
        shape = tuple(int(size) for size in ciphertexts.shape[1:])
        key = _within(found.found.at, flips, shape, self.geometry.edge)
        notes = _notes(found)
        compared = ciphertexts[:MOST_COMPARED]
        if self.structure.moves_blocks:
            few = FEW_ATTEMPTS if self.geometry.small and not found.sure else 0
            key, seams = self._moved(key, compared, few)
            notes |= seams
        else:
            key = self._turned_in_place(key, compared)
        return self._upright(key, ciphertexts, notes)

    def _search(self, rows: Array, ciphertexts: Tensor, flips: Array) -> Search:
        """A search in rows whose complements are undone, free of what compression added."""
        rng = np.random.default_rng(self.seed)
        lost, added = None, 0.0
        if self.jpeg is not None:
            few = ciphertexts[:MOST_COMPARED]
            moments = losses(few, self.geometry.edge, self.jpeg, rng) * flips * flips[:, None]
            lost, added = contents_lost(rows, moments), float(moments.diagonal().mean())
        blocks = contents(rows, added)
        return Search(blocks, self.models, self.geometry, rng, self.rounds, lost)

    def _moved(
        self, within: PermXor, compared: Tensor, attempts: int
    ) -> tuple[PermXor, dict[str, Any]]:
        """The key with blocks in place; of both grids that a turn allows, the better."""
        shape = tuple(int(size) for size in compared.shape[1:])
        edge = self.geometry.edge
        puzzle = block_puzzle.Puzzle(
            (shape[0], shape[1], shape[2]),
            replace(MOVED, block_size=edge),
            seed=self.seed,
            seams=self.seams,
            attempts=attempts,
        )
        natural = block_puzzle.learn(None, puzzle)
        ways = [within]
        if shape[1] != shape[2]:
            ways.append(within.after(_turned(shape, edge, 1).inverse()))
        tried = []
        for content in ways:
            moves, notes = block_puzzle.key_of_all(
                content.inverse()(compared), content.inverse()(compared), natural
            )
            tried.append((notes["confidence"], content.after(moves)))
        confidence, key = max(tried, key=lambda each: each[0])
        return key, {"jigsaw_confidence": round(float(confidence), 4)}

    def _turned_in_place(self, within: PermXor, compared: Tensor) -> PermXor:
        """The key whose blocks, which never moved, are turned so that they meet smoothly."""
        shape, edge = tuple(int(size) for size in compared.shape[1:]), self.geometry.edge
        turns = [_turned(shape, edge, turn) for turn in range(len(self.geometry.turns))]
        tried = [within.after(turn) for turn in turns]
        return min(tried, key=lambda key: _steps_at_seams(key.inverse()(compared), edge))

    def _upright(
        self, key: PermXor, ciphertexts: Tensor, notes: dict[str, Any]
    ) -> tuple[PermXor, dict[str, Any]]:
        """The key in the state in which its images look most like public ones."""
        group = choice.group_for(self.geometry.channels)
        plain = key.inverse()(ciphertexts[: choice.JUDGED])
        best, found = choice.choose(plain, self.prior, group)
        undone = transformation(best, tuple(plain.shape[1:]), group).inverse()
        return key.after(undone), {**notes, **found}


def taught(
    public: Tensor,
    structure: Structure,
    seed: int = 0,
    rounds: int = 0,
    others: Others | None = None,
    jpeg: Jpeg | None = None,
) -> Solver:
    """A solver that has learned from public images.

    Args:
        public: ``(M, C, H, W)`` uint8, of the ciphertexts' size.
        structure: ``shared-block`` over bytes.
        seed: of grouping and searches.
        rounds: searches, at most; 0: five, or nine for blocks of 8 pixels and less.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
        jpeg: what the ciphertexts went through, after which neither others nor the seams of
            public images teach anything; or None.
    """
    geometry = Geometry(int(public.shape[1]), structure.block_size)
    group = choice.group_for(geometry.channels)
    wanted = group.upright(int(public.shape[2]), int(public.shape[3]))
    if not structure.moves_blocks:
        wanted = np.intersect1d(wanted, choice.unturned(group))
    if not structure.negatives:
        wanted = wanted[group.negative[wanted] == 0]
    clear = jpeg is None
    prior = choice.fitted(public, group, wanted, others=others if clear else None)
    models = public_models(public, geometry, seed)
    seams = learned(public, geometry.edge) if structure.moves_blocks and clear else None
    rounds = rounds or usual_rounds(geometry)
    return Solver(structure, geometry, models, prior, seed, rounds, seams, jpeg)


def _within(at: Places, flips: Array, shape: tuple[int, ...], edge: int) -> PermXor:
    """The key that reorders and complements the bytes of every block where it stands.

    Args:
        at: the cipher byte at each plain place of a block.
        flips: -1 for cipher bytes that are complemented.
        shape: ``(C, H, W)``.
        edge: of a block, pixels.
    """
    numbers = byte_numbers((shape[0], shape[1], shape[2]), edge).transpose(0, 2, 1)
    numbers = np.ascontiguousarray(numbers.reshape(len(numbers), -1))  # channels first
    index = numbers[:, np.argsort(at)]
    mask: NDArray[np.uint8] = np.broadcast_to((flips < 0) * np.uint8(255), index.shape)
    return PermXor(place(index[None], numbers)[0], place(mask[None], numbers)[0])


def _turned(shape: tuple[int, ...], edge: int, turn: int) -> PermXor:
    """Turns or mirrors every block where it stands."""
    geometry = Geometry(shape[0], edge)
    return _within(np.argsort(geometry.turns[turn]), np.ones(geometry.size), shape, edge)


def _steps_at_seams(images: Tensor, edge: int) -> float:
    """Mean absolute difference between pixels on both sides of a block's border."""
    values = images.float()
    down = values[:, :, edge::edge] - values[:, :, edge - 1 : -1 : edge]
    right = values[..., edge::edge] - values[..., edge - 1 : -1 : edge]
    return float(down.abs().mean() + right.abs().mean())


def _notes(found: Outcome) -> dict[str, Any]:
    return {
        "misfit": round(found.found.misfit, 2),
        "rounds": found.rounds,
        "rounds_that_agree": found.agreed,
        "margin": round(min(found.margin, WIDEST), 2),
        "order": "sure" if found.sure else "unsure",
    }
