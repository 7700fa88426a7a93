"""How well ciphertexts and candidates fit: all that is learned from pairs of known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ppattack.context import Workers
from ppattack.solvers.candidates.block_likelihood import BlockLikelihood
from ppattack.solvers.candidates.comparison import Comparison
from ppattack.solvers.candidates.gallery import Gallery
from ppattack.solvers.candidates.invariants import Invariants
from ppattack.solvers.candidates.likeliest import Scores, single
from ppattack.solvers.candidates.likelihood import PairLikelihood, held_out
from ppattack.solvers.candidates.trust import BEHIND, statistics
from ppattack.solvers.candidates.views import View
from ppattack.solvers.sums import gathered
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
DESCRIBED = 1 << 27
"""Numbers kept of the blocks of all candidates, at most; if there are more they are found again."""
AT_ONCE = 256
"""Ciphertexts scored at a time."""
RERANKED = 20
"""Likeliest candidates whose blocks are compared one by one."""
WEIGHT = 0.5
"""What the comparison of blocks counts: it repeats much of what the likelihood knows."""
COMPARED = 32
"""Likeliest candidates among which those that show the same as one left out are looked for."""
KEPT = 100
"""Likeliest candidates that are kept: more than are left out and compared together."""
OWN_COPY = -1
"""The view under which a candidate is the copy of its stand-in."""


@dataclass(frozen=True)
class Queries:
    """What is known of N ciphertexts.

    Args:
        values: ``(N, K)`` canonical values.
        blocks: ``(N, n, K)`` their blocks, if blocks are compared.
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


def together(parts: Sequence[Queries]) -> Queries:
    """The ciphertexts of all parts, as far as their canonical values."""
    return Queries(torch.cat([part.values for part in parts]))


class Scorer:
    """The likelihood of pairs, fitted on the candidates.

    Args:
        structure: what the scheme makes public.
        gallery: the candidates.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each of three pieces of work.
        workers: score the candidates.
    """

    def __init__(
        self,
        structure: Structure,
        gallery: Gallery,
        views: Sequence[View],
        generator: torch.Generator,
        step: Callable[[], None],
        workers: Workers,
    ) -> None:
        self._workers = workers
        self.gallery, self.views, self._generator = gallery, tuple(views), generator
        images = gallery.images
        self.fitted = torch.randperm(len(images), generator=generator).to(images.device)[:FITTED]
        originals, encrypted, copies = gallery.pairs(self.fitted, generator)
        prepared = gallery.prepare(originals[:SCALED])
        self.invariants = Invariants(structure, prepared, generator)
        own = self.invariants.of(encrypted, "ciphertext")
        of_copies = self._of(copies)
        step()
        self.likelihood = PairLikelihood.fit(own, of_copies)
        step()
        self.blocks: BlockLikelihood | None = None
        if structure.moves_blocks and gallery.alter is not None:
            self.blocks = self._fitted_blocks(prepared, copies[:SCALED])
        self._white: Tensor | None = None
        self._white = self._white_blocks()
        self.rehearsed = held_out(len(self.fitted)).nonzero()[:, 0].to(images.device)
        """Those of ``fitted`` that took no part in the fit."""
        self.own = self.queries(encrypted[self.rehearsed], own[self.rehearsed])
        """Their stand-ins under own keys."""
        self._copies = copies[self.rehearsed]
        self._own_values = self.likelihood.candidate(of_copies[self.rehearsed])
        self._place = torch.zeros(len(images), dtype=torch.long, device=images.device)
        self._place[self.fitted[self.rehearsed]] = torch.arange(len(self.rehearsed)).to(
            images.device
        )
        step()

    def queries(self, ciphertexts: Tensor, features: Tensor | None = None) -> Queries:
        """What is known of ``(N, C, H, W)`` ciphertexts, whose invariants may be known already."""
        if features is None:
            features = self.invariants.of(ciphertexts, "ciphertext")
        values = self.likelihood.ciphertext(features)
        if self.blocks is None:
            return Queries(values)
        blocks = self.blocks.ciphertext(self.invariants.blocks(ciphertexts, "ciphertext"))
        return Queries(values, blocks, self.blocks.background_of(blocks))

    def scores(self, queries: Queries, number: int = 0) -> Scores:
        """The likeliest candidates under a view, as they are if nothing else is said."""
        comparison = Comparison(
            self.invariants,
            self.likelihood,
            self.gallery.prepare,
            self.gallery.side,
            self.views[number],
            number,
            queries.values,
            KEPT,
        )
        return gathered(comparison, self.gallery.everywhere, self._workers)

    def with_own_copies(self, scores: Scores, queries: Queries, rows: Tensor) -> Scores:
        """If candidates ``(N,)`` are copies of what was encrypted, one for each ciphertext."""
        own = self.likelihood.of_pairs(queries.values, self._values(OWN_COPY, rows))
        return scores.without(scores.candidates == rows[:, None]).beside(
            single(own, rows, OWN_COPY)
        )

    def of_pairs(self, queries: Queries, candidates: Tensor) -> Tensor:
        """``(N,)`` scores of candidates ``(N,)``, one for each ciphertext, as they are."""
        return self.likelihood.of_pairs(queries.values, self._values(0, candidates))

    def under_view(self, number: int, rows: Tensor, queries: Queries) -> Tensor:
        """``(N, R)`` scores of candidates ``(R,)`` under a view."""
        return self.likelihood.scores(queries.values, self._values(number, rows))

    def judged(self, queries: Queries, scores: Scores) -> tuple[Tensor, Scores]:
        """Compare the blocks of the likeliest candidates, and raise their scores.

        Returns:
            ``(N, S)`` numbers of the best match of each, on the CPU; and the scores.
        """
        if self.blocks is None:
            return self._statistics(queries, scores, None), scores
        top = scores.top(RERANKED)
        fit = self.fit_of_blocks(queries, top, scores.views[:, :RERANKED])
        least = fit.amin(dim=1, keepdim=True)  # the others must not gain by not being compared
        values = scores.values.clone()
        values[:, :RERANKED] += WEIGHT * (fit - least)
        best = values[:, :RERANKED].argmax(dim=1, keepdim=True)
        scores = replace(scores, values=values).sorted()
        return self._statistics(queries, scores, fit.gather(1, best)[:, 0]), scores

    def _statistics(self, queries: Queries, scores: Scores, blocks: Tensor | None) -> Tensor:
        best, under = scores.best()
        theirs = torch.empty_like(queries.values)
        for number in under.unique().tolist():
            rows = (under == number).nonzero()[:, 0]
            theirs[rows] = self._values(number, best[rows])
        correlation = self.likelihood.correlation
        top = scores.values[:, : 1 + BEHIND]
        return statistics(top, queries.values, theirs, correlation, blocks).cpu()

    def fit_of_blocks(self, queries: Queries, candidates: Tensor, views: Tensor) -> Tensor:
        """``(N, T)`` log-likelihood ratios of the blocks of N ciphertexts and T candidates each."""
        assert self.blocks is not None  # noqa: S101
        assert queries.blocks is not None  # noqa: S101
        assert queries.background is not None  # noqa: S101
        found = torch.empty(candidates.shape, device=candidates.device)
        for number in views.unique().tolist():
            places = (views == number).nonzero()
            # in the order of the candidates, so that each is described once
            places = places[candidates[places[:, 0], places[:, 1]].argsort()]
            for part in places.split(PAIRS_AT_ONCE):
                rows, columns = part.T
                which, place = candidates[rows, columns].unique(return_inverse=True)
                theirs = self._blocks_of(number, which)
                ours = queries.blocks[rows], queries.background[rows]
                found[rows, columns] = self.blocks.scores(*ours, theirs[place])
        return found

    def _of(self, images: Tensor) -> Tensor:
        """Invariants of candidates, or of copies of them."""
        return self.invariants.of(self.gallery.prepare(images), self.gallery.side)

    def _seen(self, number: int, rows: Tensor) -> Tensor:
        """Candidates ``(R,)`` under a view, in the form that is transformed."""
        if number == OWN_COPY:
            return self.gallery.prepare(self._copies[self._place[rows]])
        return self.gallery.prepare(self.views[number](self.gallery.images[rows]))

    def _values(self, number: int, rows: Tensor) -> Tensor:
        """Canonical values of candidates ``(R,)`` under a view."""
        if number == OWN_COPY:
            return self._own_values[self._place[rows]]
        seen = self.invariants.of(self._seen(number, rows), self.gallery.side)
        return self.likelihood.candidate(seen)

    def _blocks_of(self, number: int, rows: Tensor) -> Tensor:
        """``(R, n, K)`` blocks of candidates ``(R,)`` under a view."""
        assert self.blocks is not None  # noqa: S101
        if number == 0 and self._white is not None:
            return self._white[rows]
        return self.blocks.candidate(self.invariants.blocks(self._seen(number, rows), "candidate"))

    def _white_blocks(self) -> Tensor | None:
        """``(M, n, K)`` blocks of all candidates, if they are compared and take little memory."""
        if self.blocks is None:
            return None
        count = len(self.gallery.images)
        rows = torch.arange(count, device=self.gallery.images.device).split(AT_ONCE)
        first = self._blocks_of(0, rows[0])
        if first[0].numel() * count > DESCRIBED:
            return None
        return torch.cat([first, *(self._blocks_of(0, each) for each in rows[1:])])

    def _fitted_blocks(self, prepared: Tensor, copies: Tensor) -> BlockLikelihood | None:
        """From copies whose blocks are still where they were; None if they say too little."""
        blocks = self.invariants.blocks
        theirs = blocks(self.gallery.prepare(copies), "candidate")
        if not FEWEST_BLOCKS <= theirs.shape[1] <= MOST_BLOCKS:
            return None
        return BlockLikelihood.fit(blocks(prepared, "ciphertext"), theirs, self._generator)
