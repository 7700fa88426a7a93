"""How well ciphertexts and candidates fit: all that is learned from pairs of known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.data.alterations import altered
from ppattack.solvers.candidates.block_likelihood import BlockLikelihood
from ppattack.solvers.candidates.gallery import Gallery
from ppattack.solvers.candidates.invariants import Invariants
from ppattack.solvers.candidates.likelihood import PairLikelihood
from ppattack.solvers.candidates.trust import BEHIND, statistics
from ppattack.solvers.candidates.views import View
from ppattack.target.structure import Structure

FITTED = 8000
"""Candidates in the fit, at most."""
SCALED = 2000
"""Candidates from which the scales of invariants are taken."""
FEWEST_BLOCKS = 16
MOST_BLOCKS = 256
"""Blocks of an image between which they are compared one by one: with few there is little to learn,
and with many it takes long and everything is known already."""
PAIRS_AT_ONCE = 4096
"""Pairs of images whose blocks are compared at a time."""
AT_ONCE = 256
"""Ciphertexts scored at a time."""


@dataclass(frozen=True)
class Queries:
    """What is known of N ciphertexts.

    Args:
        values: ``(N, K)`` canonical values.
        blocks: ``(N, n, D)`` their blocks, if blocks are compared.
        background: ``(N, n)`` how usual each block is, likewise.
    """

    values: Tensor
    blocks: Tensor | None = None
    background: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Tensor | slice) -> Queries:
        blocks = None if self.blocks is None else self.blocks[rows]
        background = None if self.background is None else self.background[rows]
        return Queries(self.values[rows], blocks, background)

    def split(self, size: int = AT_ONCE) -> Iterator[Queries]:
        """Parts of at most so many."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


@dataclass(frozen=True)
class Scores:
    """How likely each candidate is, and under which view; both are raised in place.

    Args:
        values: ``(N, M)`` float32.
        views: ``(N, M)`` int8.
    """

    values: Tensor
    views: Tensor

    def best(self) -> tuple[Tensor, Tensor]:
        """``(N,)`` the likeliest candidates and their views."""
        top = self.values.argmax(dim=1)
        return top, self.views.gather(1, top[:, None])[:, 0].long()

    def top(self, count: int) -> Tensor:
        """``(N, T)`` the likeliest candidates, T at most ``count``."""
        return self.values.topk(min(count, self.values.shape[1]), dim=1).indices

    def raise_to(self, others: Tensor, rows: Tensor, view: int) -> None:
        """Raise scores of candidates ``(R,)`` where those ``(N, R)`` of a view are higher."""
        old, views = self.values[:, rows], self.views[:, rows]
        better = others > old
        self.values[:, rows] = torch.where(better, others, old)
        self.views[:, rows] = views.masked_fill(better, view)


class Scorer:
    """The likelihood of pairs, fitted on the candidates.

    Args:
        structure: what the scheme makes public.
        gallery: the candidates.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each of three pieces of work.
    """

    def __init__(
        self,
        structure: Structure,
        gallery: Gallery,
        views: Sequence[View],
        generator: torch.Generator,
        step: Callable[[], None],
    ) -> None:
        self.gallery, self.views = gallery, tuple(views)
        images = gallery.images
        self.fitted = torch.randperm(len(images), generator=generator).to(images.device)[:FITTED]
        few = images[self.fitted[:SCALED]]
        self.invariants = Invariants(structure, gallery.prepare(few), generator)
        encrypted = gallery.encrypt(images[self.fitted])
        own = self.invariants.of(encrypted, "ciphertext")
        copies = self._of(gallery.copies(self.fitted, generator))
        step()
        self.likelihood = PairLikelihood.fit(own, copies)
        step()
        self.values = self.likelihood.candidate(self._of(images))
        self.blocks: BlockLikelihood | None = None
        if structure.moves_blocks and gallery.alter is not None:
            self.blocks = self._fitted_blocks(few, generator)
        self.own = self.queries(encrypted, own)
        """Ciphertexts of the candidates ``fitted`` under own keys."""
        step()

    def queries(self, ciphertexts: Tensor, features: Tensor | None = None) -> Queries:
        """What is known of ``(N, C, H, W)`` ciphertexts, whose invariants may be known already."""
        if features is None:
            features = self.invariants.of(ciphertexts, "ciphertext")
        values = self.likelihood.ciphertext(features)
        if self.blocks is None:
            return Queries(values)
        blocks = self.invariants.blocks(ciphertexts, "ciphertext")
        return Queries(values, blocks, self.blocks.background_of(blocks))

    def scores(self, queries: Queries) -> Scores:
        """Scores of the candidates as they are."""
        parts = [self.likelihood.scores(q.values, self.values) for q in queries.split()]
        values = torch.cat(parts)
        return Scores(values, torch.zeros_like(values, dtype=torch.int8))

    def under_view(self, number: int, rows: Tensor, queries: Queries) -> Tensor:
        """``(N, R)`` scores of candidates ``(R,)`` under a view."""
        return self.likelihood.scores(queries.values, self._values(number, rows))

    def statistics(self, queries: Queries, scores: Scores, chosen: Tensor | None = None) -> Tensor:
        """``(N, S)`` numbers of the match of each, on the CPU.

        Args:
            queries: the ciphertexts.
            scores: of the candidates.
            chosen: ``(N,)`` the candidate that is taken for the match; None for the likeliest.
        """
        best = scores.best()[0] if chosen is None else chosen
        under = scores.views.gather(1, best[:, None])[:, 0].long()
        own = scores.values.gather(1, best[:, None])
        others = scores.values.scatter(1, best[:, None], -torch.inf)
        behind = others.topk(min(BEHIND, others.shape[1] - 1), dim=1).values
        top = torch.cat([own, behind], dim=1)
        theirs = torch.empty_like(queries.values)
        for number in under.unique().tolist():
            rows = (under == number).nonzero()[:, 0]
            theirs[rows] = self._values(number, best[rows])
        blocks = None
        if self.blocks is not None:
            blocks = self.fit_of_blocks(queries, best[:, None], under[:, None])[:, 0]
        correlation = self.likelihood.correlation
        return statistics(top, queries.values, theirs, correlation, blocks).cpu()

    def fit_of_blocks(self, queries: Queries, candidates: Tensor, views: Tensor) -> Tensor:
        """``(N, T)`` log-likelihood ratios of the blocks of N ciphertexts and T candidates each."""
        assert self.blocks is not None  # noqa: S101
        assert queries.blocks is not None  # noqa: S101
        assert queries.background is not None  # noqa: S101
        found = torch.empty(candidates.shape, device=candidates.device)
        for number in views.unique().tolist():
            places = (views == number).nonzero()
            for part in places.split(PAIRS_AT_ONCE):
                rows, columns = part.T
                which, place = candidates[rows, columns].unique(return_inverse=True)
                theirs = self.invariants.blocks(self._seen(number, which), "candidate")
                ours = queries.blocks[rows], queries.background[rows]
                found[rows, columns] = self.blocks.scores(*ours, theirs[place])
        return found

    def _of(self, images: Tensor) -> Tensor:
        """Invariants of candidates, or of copies of them."""
        return self.invariants.of(self.gallery.prepare(images), self.gallery.side)

    def _seen(self, number: int, rows: Tensor) -> Tensor:
        """Candidates ``(R,)`` under a view, in the form that is transformed."""
        return self.gallery.prepare(self.views[number](self.gallery.images[rows]))

    def _values(self, number: int, rows: Tensor) -> Tensor:
        """Canonical values of candidates ``(R,)`` under a view."""
        if number == 0:
            return self.values[rows]
        seen = self.invariants.of(self._seen(number, rows), self.gallery.side)
        return self.likelihood.candidate(seen)

    def _fitted_blocks(self, plain: Tensor, generator: torch.Generator) -> BlockLikelihood | None:
        """From copies whose blocks are still where they were; None if they say too little."""
        prepare, blocks = self.gallery.prepare, self.invariants.blocks
        half = len(plain) // 2
        copies = [
            altered(plain[:half], "jpeg50", generator),
            altered(plain[half:], "resized", generator),
        ]
        theirs = blocks(prepare(torch.cat(copies)), "candidate")
        if not FEWEST_BLOCKS <= theirs.shape[1] <= MOST_BLOCKS:
            return None
        return BlockLikelihood.fit(blocks(prepare(plain), "ciphertext"), theirs, generator)
