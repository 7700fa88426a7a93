"""What can be learned from a ciphertext without its key: numbers that keys keep, or a picture."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ppattack.solvers.candidates.invariants import Invariants
from ppattack.target.structure import Structure

MIDDLE = 127.5
FINE = 4
"""Edge of the blocks, pixels, that larger ones are cut into: a move of these moves them too."""
FLOOR = 1e-3
"""Least standard deviation of a number, as a share of the largest one's."""


class Numbers:
    """Numbers of a ciphertext that no key of its scheme changes, each with mean 0 and variance 1.

    Args:
        structure: what the scheme makes public.
        own: ``(M, C, H, W)`` uint8 ciphertexts of public images, which give means and variances.
        generator: on the CPU, for what is drawn at random.
    """

    def __init__(self, structure: Structure, own: Tensor, generator: torch.Generator) -> None:
        self._invariants = [Invariants(each, own, generator) for each in grains(structure)]
        values = self._values(own)
        self._mean, spread = values.mean(dim=0), values.std(dim=0)
        self._spread = spread + FLOOR * spread.max() + torch.finfo(spread.dtype).tiny

    def __call__(self, ciphertexts: Tensor) -> Tensor:
        """``(N, F)`` float32 of ``(N, C, H, W)`` uint8."""
        return (self._values(ciphertexts) - self._mean) / self._spread

    def _values(self, ciphertexts: Tensor) -> Tensor:
        return torch.cat([each.of(ciphertexts, "ciphertext") for each in self._invariants], dim=1)


def grains(structure: Structure) -> list[Structure]:
    """The structure, and for blocks moved as a whole that of the small blocks inside them.

    Where a block is turned, mirrored, complemented or given other colours, so is every part of it.
    """
    edge = structure.block_size
    if structure.kind != "blocks-dihedral" or edge <= FINE or edge % FINE:
        return [structure]
    return [structure, replace(structure, block_size=FINE)]


def has_picture(structure: Structure) -> bool:
    """Whether a network of pictures may see anything: nothing is known to have moved.

    Of a scheme of which nothing is known it may, who knows.
    """
    return structure.kind in ("none", "pixels", "any")


def keeps_sides(structure: Structure) -> bool:
    """Whether a mirrored ciphertext is one of the mirrored image."""
    return structure.kind in ("none", "pixels")


def picture(ciphertexts: Tensor, structure: Structure) -> Tensor:
    """``(N, C, H, W)`` float32 in [-1, 1]: complements folded, colours of a pixel in order of size.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        structure: one that :func:`has_picture`.
    """
    levels = (ciphertexts.float() - MIDDLE) / MIDDLE
    if structure.kind != "pixels":
        return levels
    folded = levels.abs().mul_(2).sub_(1) if structure.negatives else levels
    return folded.sort(dim=1).values if structure.colours else folded
