"""Which solver finds the one key of a scheme whose structure is public."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ppattack.context import Workers
from ppattack.data.stacks import Images
from ppattack.images import ImageShape
from ppattack.jpeg import Jpeg
from ppattack.permxor import identity
from ppattack.solvers.blocks import puzzle as block_puzzle
from ppattack.solvers.covariance import free_keys, pixel_keys, shared_block_keys
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from ppattack.solvers.global_state.others import Others
from ppattack.target.representation import Panel
from ppattack.target.structure import Structure


@dataclass(frozen=True)
class Means:
    """What solvers may use besides images.

    Args:
        rng: draws the starts of graph matching.
        restarts: how many starts.
        workers: compute parts.
        jpeg: what the ciphertexts went through, or None.
        panels: the pictures that a ciphertext is made of, if there are several.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
    """

    rng: np.random.Generator
    restarts: int
    workers: Workers
    jpeg: Jpeg | None
    panels: tuple[Panel, ...]
    others: Others | None = None


def recover(
    structure: Structure, ciphertexts: Images, public: Tensor, shape: ImageShape, means: Means
) -> KeyEstimate:
    """The one key of ciphertexts.

    Args:
        structure: what the scheme makes public.
        ciphertexts: ``(N, C, H, W)`` uint8, or a stack of them.
        public: ``(M, C, H, W)`` uint8, in the form that the scheme transforms.
        shape: ``(C, H, W)`` of a ciphertext.
        means: what else is at hand.
    """
    if structure.kind == "none":
        return KeyEstimate(identity(math.prod(shape)))
    if structure.kind == "pixels":
        return pixel_keys.recover(
            ciphertexts,
            public,
            colours=structure.colours,
            workers=means.workers,
            jpeg=means.jpeg,
            others=means.others,
        )
    if structure.kind == "shared-block" and not structure.moves_blocks:
        return shared_block_keys.recover(
            ciphertexts,
            public,
            structure.block_size,
            structure.unit,
            means.rng,
            restarts=means.restarts,
            workers=means.workers,
            jpeg=means.jpeg,
            others=means.others,
        )
    if structure.kind == "blocks-dihedral":
        puzzle = block_puzzle.Puzzle(
            shape, structure, means.panels, jpeg=means.jpeg, others=means.others
        )
        key, notes = block_puzzle.recover(ciphertexts, public, puzzle)
        return KeyEstimate(key, notes=notes)
    block = None if structure.kind == "any" else structure.block_size
    return free_keys.recover(
        ciphertexts, public, structure.unit, block, means.workers, means.jpeg, means.others
    )
