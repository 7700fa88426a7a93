"""Which keys are small enough to be matched at once, and which not at all."""

from __future__ import annotations

from ppattack.images import ImageShape
from ppattack.solvers.block_keys import limits as block_keys
from ppattack.solvers.shared_blocks import scope
from ppattack.solvers.substitution.neighbours import EDGE
from ppattack.target.structure import Structure

MOST_SYMBOLS = {"byte": 3072, "nibble": 6144}
"""Largest unstructured key: matching time grows with the square to the cube of its symbols."""
MOST_SHARED = {"byte": 3072, "nibble": 1536}
"""Largest block of a key that all blocks share, symbols."""


def obstacle(structure: Structure, shape: ImageShape) -> str | None:
    """Why a key of images of a shape cannot be matched; None if it can.

    Args:
        structure: of the scheme.
        shape: ``(C, H, W)`` of what it transforms.
    """
    if structure.kind == "substitution":
        if min(shape[1:]) >= EDGE:
            return None
        return f"images smaller than {EDGE} pixels do not show how alike neighbours are"
    if structure.block_size == 1 and scope.applies(structure, shape[0]):
        return "blocks of one pixel that move have no inside to tell where they belong"
    if block_by_block(structure, shape):
        return block_keys.obstacle(shape, structure.block_size, structure.unit)
    found, most = _size(structure, shape)
    if found <= most:
        return None
    return (
        f"a key of {found} {structure.unit}s is too large to be matched (at most {most}): "
        "use smaller images or blocks"
    )


def block_by_block(structure: Structure, shape: ImageShape) -> bool:
    """Whether each block has a key of its own and all of them are too large to match at once."""
    found, most = _size(structure, shape)
    shared = _shares_one_block(structure) or scope.applies(structure, shape[0])
    own = structure.kind in ("blocks", "shared-block") and not shared
    return own and structure.block_size > 1 and found > most


def _size(structure: Structure, shape: ImageShape) -> tuple[int, int]:
    """How many symbols must be matched at once, and how many can be."""
    channels, height, width = shape
    edge = structure.block_size
    halves = 2 if structure.unit == "nibble" else 1
    if _shares_one_block(structure) or scope.applies(structure, channels):
        return halves * channels * edge**2, MOST_SHARED[structure.unit]
    if structure.kind in ("any", "blocks", "shared-block"):
        return halves * channels * height * width, MOST_SYMBOLS[structure.unit]
    return 0, 0


def _shares_one_block(structure: Structure) -> bool:
    return structure.kind == "shared-block" and not structure.moves_blocks
