"""What can be learned from a ciphertext without its key: numbers that keys keep, or a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ppattack.solvers.candidates.invariants import Invariants

if TYPE_CHECKING:
    from ppattack.target.structure import Structure

MIDDLE = 127.5
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
        self._invariants = Invariants(structure, own, generator)
        values = self._invariants.of(own, "ciphertext")
        self._mean, spread = values.mean(dim=0), values.std(dim=0)
        self._spread = spread + FLOOR * spread.max() + torch.finfo(spread.dtype).tiny

    def __call__(self, ciphertexts: Tensor) -> Tensor:
        """``(N, F)`` float32 of ``(N, C, H, W)`` uint8."""
        return (self._invariants.of(ciphertexts, "ciphertext") - self._mean) / self._spread


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
