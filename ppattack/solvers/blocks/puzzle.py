"""Block scrambling undone as a jigsaw puzzle, for ciphertexts under one key or a single one.

The jigsaw solver puts the blocks back together from their seams. Seams cannot tell the state of the
whole image or the relation between several pictures in one image; public images decide these, if
there are any.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.block_states import Arrangement, States, states_of
from ppattack.blocks import split
from ppattack.data.stacks import Images
from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers import jigsaw
from ppattack.solvers.blocks import component_separation, panels
from ppattack.solvers.blocks.component_separation import Separator
from ppattack.solvers.blocks.halved_colours import without_neighbours
from ppattack.solvers.blocks.panels import PanelPrior
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.jpeg_priors import Priors
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.solvers.jigsaw.learned_seams import LearnedSeams
from ppattack.solvers.jigsaw.seam_lessons import learned
from ppattack.solvers.jigsaw.solve import Assembly, seams_compared
from ppattack.target.representation import Panel
from ppattack.target.structure import Structure

FEWEST_LINES = 4
"""Blocks with no more lines than this have none free of their neighbours' halved colours."""
MOST_COMPARED = 50
"""Ciphertexts whose seams are compared: more of them change nothing."""
MOST_PIXELS_COMPARED = 600_000_000
"""Pixels of seams compared, in all states and ciphertexts, so that large images take no longer;
at least the seams of :data:`FEWEST_COMPARED` ciphertexts are."""
FEWEST_COMPARED = 5


@dataclass(frozen=True)
class Puzzle:
    """What everybody knows about the ciphertexts, and how to solve them.

    Args:
        shape: ``(C, H, W)`` of a ciphertext.
        structure: what happens to its blocks.
        pictures: the pictures that a plain image is made of, if there are several.
        compatibility: see :func:`ppattack.solvers.jigsaw.solve`.
        assembly: likewise.
        apart: whether blocks of brightness and of colour differences are told apart first, so that
            each kind is a separate puzzle.
        seed: the solver's.
        jpeg: what the ciphertexts went through, or None.
        others: further images that teach global states.
        seams: how likely blocks that only moved are neighbours, if that was learned.
        attempts: see :func:`ppattack.solvers.jigsaw.solve`.
    """

    shape: ImageShape
    structure: Structure
    pictures: tuple[Panel, ...] = ()
    compatibility: str = "regularised-mgc"
    assembly: Assembly = "rebuilding"
    apart: bool = True
    seed: int = 0
    jpeg: Jpeg | None = None
    others: Others | None = None
    seams: LearnedSeams | None = None
    attempts: int = 0

    @property
    def areas(self) -> tuple[Panel, ...]:
        """The areas that are put together one at a time, the one with the most texture first."""
        kinds = [[each for each in self.pictures if each.chroma == kind] for kind in (False, True)]
        whole = Panel(0, 0, *self.shape[1:])
        if not self.apart or not all(kinds):
            return (whole,)
        found = tuple(panels.around(kind) for kind in kinds)
        covered = sum(area.height * area.width for area in found)
        return found if covered == whole.height * whole.width else (whole,)

    @property
    def group(self) -> States:
        """The states of a block."""
        return states_of(self.structure, self.shape[0])

    def assemble(
        self, ciphertexts: Tensor, separator: Separator
    ) -> tuple[Arrangement, dict[str, Any]]:
        """Put blocks together.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8 under one key.
            separator: tells the blocks of the areas apart, if there are two.

        Returns:
            an arrangement, correct up to one state of each area; and notes for a report.
        """
        edge, group = self.structure.block_size, self.group
        pieces = torch.from_numpy(split(ciphertexts.cpu().numpy(), edge)).to(ciphertexts.device)
        blended = self.jpeg is not None and self.jpeg.halves_colours and self.shape[0] == 3
        if blended and edge % 2 == 0 and edge > FEWEST_LINES:
            pieces = without_neighbours(pieces)
        areas = self.areas
        counts = [area.height * area.width // edge**2 for area in areas]
        grid = np.zeros((self.shape[1] // edge, self.shape[2] // edge), np.intp)
        state = np.zeros_like(grid)
        confidence = np.zeros(grid.shape)
        notes = []
        for area, own in zip(areas, separator.separate(pieces, counts), strict=True):
            solved = jigsaw.solve(
                pieces[:, torch.from_numpy(own)],
                area.height // edge,
                area.width // edge,
                turns=self.structure.turns,
                flips=self.structure.flips,
                negatives=self.structure.negatives,
                colours=self.structure.colours,
                gap=self.structure.gap,
                compatibility=self.compatibility,
                assembly=self.assembly,
                seed=self.seed,
                seams=self.seams,
                attempts=self.attempts,
            )
            place = panels.in_blocks(area, edge)
            grid[place] = own[solved.arrangement.grid]
            state[place] = solved.arrangement.state
            confidence[place] = solved.confidence
            notes.append(dict(solved.notes))
        return Arrangement(grid, state), {
            "blocks": grid.size,
            "states": group.count,
            "confidence": float(confidence.mean()),
            "puzzles": notes,
        }


@dataclass(frozen=True)
class NaturalStates:
    """Chooses states by what public images have in common.

    Args:
        puzzle: the ciphertexts' puzzle.
        priors: those of the first area, or None if it is left as found.
        pictures: how the pictures relate to each other, or None if there is only one.
        separator: tells the blocks of the areas apart.
        one_key: whether all ciphertexts share one key.
    """

    puzzle: Puzzle
    priors: Priors | None
    pictures: PanelPrior | None
    separator: Separator
    one_key: bool = True

    def key(self, found: Arrangement, ciphertexts: Images) -> tuple[PermXor, dict[str, Any]]:
        """The key of an arrangement in the states that make its images natural.

        Args:
            found: from :meth:`Puzzle.assemble`.
            ciphertexts: ``(N, C, H, W)`` uint8 under one key.

        Returns:
            the encryption key over bytes, and notes for a report.
        """
        puzzle, group = self.puzzle, self.puzzle.group
        edge, channels = puzzle.structure.block_size, puzzle.shape[0]
        judged = ciphertexts[: choice.JUDGED]
        key = found.key(edge, channels, group)
        if group.count == 1:
            return key, {"global_state": "there is only one"}
        plain = key.inverse()(judged)
        prior = self._prior(key)
        if self.pictures is not None and prior is not None and len(puzzle.areas) > 1:
            alone = _log_probabilities(plain[(..., *puzzle.areas[0].slices)], prior, group)
            key, decision = self.pictures.settle(key, judged, alone)
            return key, {"global_state": f"chosen by {prior.teachers}", **decision}
        state, notes = choice.choose(plain, prior, group)
        key = found.turned(state, group).key(edge, channels, group)
        if self.pictures is not None:
            key, decision = self.pictures.settle(key, judged)
            notes = {**notes, **decision}
        return key, notes

    def _prior(self, key: PermXor) -> StatePrior | None:
        if self.priors is None:
            return None
        # The blocks of an area lie among those of others, so the key says little about it alone.
        alone = self.one_key and len(self.puzzle.areas) == 1
        return self.priors.one_key(key) if alone else self.priors.any_key


def learn(public: Tensor | None, puzzle: Puzzle, *, one_key: bool = True) -> NaturalStates:
    """Learn which states are natural, or which blocks are neighbours if they only move.

    Args:
        public: ``(M, C, H, W)`` uint8 in the form that the scheme transforms, or None; with fewer
            than 10, states are left as found.
        puzzle: the ciphertexts' puzzle.
        one_key: whether all ciphertexts share one key.

    Raises:
        ImageError: if the public images have another size.
    """
    if public is None or len(public) < choice.FEWEST_PUBLIC:
        return NaturalStates(puzzle, None, None, component_separation.UNTAUGHT)
    if tuple(public.shape[1:]) != puzzle.shape:
        raise ImageError(
            f"public images of shape {tuple(public.shape[1:])} do not match ciphertexts of "
            f"shape {puzzle.shape}: use images of the victims' size."
        )
    if puzzle.group.count == 1:
        if puzzle.jpeg is None and not one_key:
            puzzle = replace(puzzle, seams=learned(public, puzzle.structure.block_size))
        return NaturalStates(puzzle, None, None, component_separation.UNTAUGHT)
    first, *others = [public[(..., *area.slices)] for area in puzzle.areas]
    group, edge = puzzle.group, puzzle.structure.block_size
    fit = partial(choice.fit_best, first, group, None, others=puzzle.others)
    priors = Priors(fit, edge, group, puzzle.jpeg)
    separator = component_separation.UNTAUGHT
    if others:
        kinds = (split(part.cpu().numpy(), edge) for part in (first, *others))
        separator = component_separation.learn(
            *(torch.from_numpy(kind).flatten(0, 1).to(public.device) for kind in kinds)
        )
    pictures = panels.fit(public, puzzle.pictures)
    return NaturalStates(puzzle, priors, pictures, separator, one_key)


def recover(
    ciphertexts: Images, public: Tensor | None, puzzle: Puzzle
) -> tuple[PermXor, dict[str, Any]]:
    """The one key of ciphertexts, from as many of them as are worth comparing.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        public: see :func:`learn`.
        puzzle: the ciphertexts' puzzle.

    Returns:
        the encryption key, and notes for a report.

    Raises:
        ImageError: if the public images have another size.
    """
    blocks = puzzle.shape[1] * puzzle.shape[2] // puzzle.structure.block_size**2
    seams = seams_compared(blocks, puzzle.group.count, len(ciphertexts))
    pixels = seams // 4 * puzzle.structure.block_size
    worth = min(MOST_COMPARED, max(FEWEST_COMPARED, MOST_PIXELS_COMPARED // pixels))
    return key_of_all(ciphertexts, ciphertexts[:worth], learn(public, puzzle))


def key_of_all(
    ciphertexts: Images, compared: Tensor, natural: NaturalStates
) -> tuple[PermXor, dict[str, Any]]:
    """The one key of ciphertexts.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8; they choose the state.
        compared: those whose seams are compared.
        natural: chooses states.

    Returns:
        the encryption key, and notes for a report.
    """
    started = time.perf_counter()
    found, notes = natural.puzzle.assemble(compared, natural.separator)
    assembled = time.perf_counter()
    key, decision = natural.key(found, ciphertexts)
    seconds = {
        "assembly": round(assembled - started, 3),
        "global_state": round(time.perf_counter() - assembled, 3),
    }
    return key, {**notes, **decision, "ciphertexts_compared": len(compared), "seconds": seconds}


def _log_probabilities(images: Tensor, prior: StatePrior, group: States) -> NDArray[np.float64]:
    """Scores ``(16,)`` of the states of grey images: orientations, then the same complemented."""
    found = np.full(16, -np.inf)
    which = group.dihedral[prior.wanted] + 8 * group.negative[prior.wanted]
    found[which] = prior.scores(images).mean(0).cpu().numpy()
    return found
