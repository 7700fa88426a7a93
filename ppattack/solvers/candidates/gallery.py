"""The candidates, what is known about them before anything is fitted, and what comes of a match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.context import Workers
from ppattack.data.stacks import Stack, chunks
from ppattack.solvers.candidates.exact import exact_codes
from ppattack.solvers.candidates.invariants import Side, whole
from ppattack.solvers.candidates.likeliest import Scores
from ppattack.solvers.sums import Sent, gathered
from ppattack.target.structure import Structure

FIRST = 1e6
"""Added to the score of an exact copy."""
MOST_COPIES = 32
"""Exact copies of one image that are looked at."""
OWN = 4000
"""Own pairs, at least: they need no candidates, however few there are."""
NEAREST = 32
"""Candidates that are ranked by their histograms."""


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
        stack: where workers read ``images``; None to send them.
        own: if the candidates are ciphertexts, own ciphertexts of so many images, and those of
            altered copies under other own keys; None to make pairs of the candidates.
    """

    images: Tensor
    prepare: Images
    stand_ins: Images | None
    alter: Callable[[Tensor, torch.Generator], Tensor] | None
    encrypt: Images
    stack: Stack | None = None
    own: Callable[[int, torch.Generator], tuple[Tensor, Tensor]] | None = None

    @property
    def everywhere(self) -> Tensor | Stack:
        """The candidates, as workers are given them."""
        return self.images if self.stack is None else self.stack

    @property
    def side(self) -> Side:
        """Whether low nibbles are those of the images that were encrypted."""
        return "ciphertext" if self.alter is None else "candidate"

    def pairs(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs of known answer, one for each of some candidates; own ones :data:`OWN` at least.

        Returns:
            the images that the adversary encrypts instead of those of which candidates are copies
            (or ciphertexts of them); their ciphertexts; and what a candidate would be.
        """
        if self.own is not None:
            encrypted, copies = self.own(max(OWN, len(rows)), generator)
            return encrypted, encrypted, copies
        images = self.images[rows]
        images = images if self.stand_ins is None else self.stand_ins(images)
        encrypted = self.encrypt(images)
        return images, encrypted, images if self.alter is None else self.alter(images, generator)


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
        workers: compute their codes.
    """

    def __init__(self, structure: Structure, gallery: Gallery, workers: Workers) -> None:
        self._structure, self._gallery, self._workers = structure, gallery, workers
        coded = gathered(partial(_coded, structure, gallery.prepare), gallery.everywhere, workers)
        self._codes, self._order = coded.codes.sort(stable=True)
        _, group, size = coded.codes.unique(return_inverse=True, return_counts=True)
        shared = (size[group] > 1).nonzero()[:, 0]
        different = (
            len(torch.unique(gallery.images[shared].flatten(1), dim=0)) if len(shared) else 0
        )
        groups = len(group[shared].unique())
        self.p_value = (1 + different - groups) / (1 + len(self._codes))
        """Share of images that an exact copy of another one would be taken for; never zero."""

    def of(self, ciphertexts: Tensor) -> Tensor:
        """``(N, E)`` int64: exact copies of the images of ciphertexts, -1 where there are fewer.

        Of many copies of one image the first :data:`MOST_COPIES` count.
        """
        codes = exact_codes(ciphertexts, self._structure)
        first = torch.searchsorted(self._codes, codes)
        count = torch.searchsorted(self._codes, codes, right=True) - first
        most = min(MOST_COPIES, max(1, int(count.max())))
        step = torch.arange(most, device=codes.device)
        places = (first[:, None] + step).clamp_max(len(self._codes) - 1)
        return self._order[places].masked_fill(step >= count[:, None], -1)

    def ranked(self, ciphertexts: Tensor, exact: Tensor, count: int) -> Ranking:
        """Exact copies first, the others by their histograms; nothing is fitted.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8.
            exact: ``(N, E)`` from :meth:`of`.
            count: candidates in the ranking, at most.
        """
        ours = whole(ciphertexts, self._structure)
        nearest = partial(_nearest, self._structure, self._gallery.prepare, ours.cpu().numpy())
        scores = gathered(nearest, self._gallery.everywhere, self._workers)
        scores = with_exact(scores, exact, torch.zeros_like(exact, dtype=torch.float32))
        known = (exact >= 0).any(dim=1)
        p = torch.where(known, self.p_value, torch.ones(len(known), device=known.device))
        top = scores.top(count)
        return Ranking(top, p, known, torch.zeros_like(top[:, 0]))


def with_exact(scores: Scores, exact: Tensor, values: Tensor) -> Scores:
    """Scores with exact copies first.

    Args:
        scores: the likeliest candidates of N ciphertexts.
        exact: ``(N, E)`` from :meth:`ExactCopies.of`.
        values: ``(N, E)`` their scores where they are not among the likeliest.
    """
    same = scores.candidates[:, :, None] == exact[:, None]
    first = replace(scores, values=scores.values + FIRST * same.any(dim=2))
    others = exact.clamp_min(0)
    missing = (exact >= 0) & ~same.any(dim=1)
    added = (values + FIRST).masked_fill(~missing, -torch.inf)
    return first.beside(Scores(added, others, torch.zeros_like(others, dtype=torch.int8)))


@dataclass(frozen=True)
class _Codes(Sent):
    """Exact codes ``(M,)`` of candidates."""

    codes: Tensor

    def merge(self, other: _Codes) -> _Codes:
        """With those of the next candidates."""
        return _Codes(torch.cat([self.codes, other.codes]))


def _coded(structure: Structure, prepare: Images, images: Tensor) -> _Codes:
    return _Codes(torch.cat([exact_codes(prepare(part), structure) for part in chunks(images)]))


def _nearest(
    structure: Structure, prepare: Images, ours: NDArray[np.float32], images: Tensor
) -> Scores:
    """The candidates whose histograms differ least from ``(N, D)`` others."""
    queries = torch.from_numpy(ours).to(images.device)
    found = [
        Scores.of_all(-torch.cdist(queries, whole(prepare(part), structure), p=1), NEAREST)
        for part in chunks(images)
    ]
    return reduce(lambda first, later: first.merge(later), found)
