"""The candidates, what is known about them before anything is fitted, and what comes of a match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ppattack.solvers.candidates.exact import exact_codes
from ppattack.solvers.candidates.invariants import Side, whole
from ppattack.target.structure import Structure

FIRST = 1e6
"""Added to the score of an exact copy."""


Images: TypeAlias = Callable[[Tensor], Tensor]
"""Changes a stack of images ``(N, C, H, W)``."""


@dataclass(frozen=True)
class Gallery:
    """The candidates, and how pairs of known answer are made of them.

    Args:
        images: ``(M, C, H, W)`` uint8: plain images, or ciphertexts under other keys.
        prepare: to the form that is transformed.
        stand_ins: makes images such as those may have been of which the candidates are copies.
        alter: makes copies such as the candidates may be of the encrypted images; None, like
            ``stand_ins``, if the candidates are ciphertexts, which nobody altered.
        encrypt: under fresh own keys, and compressed as the victims' ciphertexts are; leaves
            ciphertexts as they are.
    """

    images: Tensor
    prepare: Images
    stand_ins: Images | None
    alter: Callable[[Tensor, torch.Generator], Tensor] | None
    encrypt: Images

    @property
    def side(self) -> Side:
        """Whether low nibbles are those of the images that were encrypted."""
        return "ciphertext" if self.alter is None else "candidate"

    def originals(self, rows: Tensor) -> Tensor:
        """Images that the adversary encrypts instead of those of which candidates are copies."""
        images = self.images[rows]
        return images if self.stand_ins is None else self.stand_ins(images)

    def copies(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Copies of images, altered in any way."""
        return images if self.alter is None else self.alter(images, generator)


@dataclass(frozen=True)
class Ranking:
    """The likeliest candidates of N ciphertexts.

    Args:
        candidates: ``(N, K)`` int64, the best first.
        p_values: ``(N,)`` how likely a match as good is if the image is not among the candidates.
        exact: ``(N,)`` bool, whether the best is an exact copy.
        views: ``(N,)`` int64, the view under which it is the best; 0 as it is.
        rehearsed: share of own ciphertexts that were named, or None if none were made.
        correlations: canonical correlations that were found.
    """

    candidates: Tensor
    p_values: Tensor
    exact: Tensor
    views: Tensor
    rehearsed: float | None = None
    correlations: int = 0


class ExactCopies:
    """The candidates by what every key leaves alone to the last bit.

    Args:
        structure: what the scheme makes public.
        gallery: the candidates.
    """

    def __init__(self, structure: Structure, gallery: Gallery) -> None:
        self._structure, self._gallery = structure, gallery
        self._codes = exact_codes(gallery.prepare(gallery.images), structure)
        _, group, size = self._codes.unique(return_inverse=True, return_counts=True)
        shared = (size[group] > 1).nonzero()[:, 0]
        different = (
            len(torch.unique(gallery.images[shared].flatten(1), dim=0)) if len(shared) else 0
        )
        groups = len(group[shared].unique())
        self.p_value = (1 + different - groups) / (1 + len(self._codes))
        """Share of images that an exact copy of another one would be taken for; never zero."""

    def of(self, ciphertexts: Tensor) -> Tensor:
        """``(N, M)`` bool: which candidates are exact copies of whose images."""
        return exact_codes(ciphertexts, self._structure)[:, None] == self._codes[None]

    def ranked(self, ciphertexts: Tensor, exact: Tensor, count: int) -> Ranking:
        """Exact copies first, the others by their histograms; nothing is fitted.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8.
            exact: ``(N, M)`` from :meth:`of`.
            count: candidates in the ranking, at most.
        """
        prepared = self._gallery.prepare(self._gallery.images)
        ours, theirs = (whole(part, self._structure) for part in (ciphertexts, prepared))
        scores = FIRST * exact - torch.cdist(ours, theirs, p=1)
        top = scores.topk(min(count, scores.shape[1]), dim=1).indices
        known = exact.any(dim=1)
        p = torch.where(known, self.p_value, torch.ones(len(known), device=known.device))
        return Ranking(top, p, known, torch.zeros_like(top[:, 0]))
