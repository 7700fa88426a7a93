"""Which candidate each ciphertext is of: exact copies first, then by likelihood, views and blocks.

Exact copies need no training: a number that no key changes finds them. For everything else the
candidates themselves, altered and encrypted under own keys, are pairs of known answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ppattack.data.alterations import altered
from ppattack.solvers.candidates.block_likelihood import BlockLikelihood
from ppattack.solvers.candidates.gallery import FIRST, ExactCopies, Gallery, Ranking
from ppattack.solvers.candidates.invariants import Invariants
from ppattack.solvers.candidates.likelihood import PairLikelihood
from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.trust import BEHIND, Trust, statistics
from ppattack.solvers.candidates.views import View
from ppattack.target.structure import Structure

FEWEST = 40
"""Candidates below which nothing can be fitted."""
FITTED = 6000
"""Candidates in the fit, at most."""
COPIES = 1
"""Altered copies of each of them."""
SCALED = 2000
"""Candidates from which the scales of invariants are taken."""
REHEARSED = 1500
"""Ciphertexts of known answer, from altered candidates, on which the trust in a match is learned."""
PENALTY = 8.0
"""What a view costs against the candidate as it is: there are many, and correlations of features
are not quite those of a Gaussian."""
TRIED = 2000
"""Likely candidates on which every view is tried."""
WON = 0.04
"""Share of the unsettled ciphertexts that a view must win to be tried on every candidate."""
KEPT_VIEWS = 3
RERANKED = 50
"""Likeliest candidates whose blocks are compared one by one."""
WEIGHT = 0.3
"""Of the comparison of blocks, which repeats much of what the likelihood knows."""
SETTLED = 0.005
"""A match with a smaller p-value is not looked at again."""
RANKED = 10
"""Candidates that are reported, the likeliest first."""
QUERIES_AT_ONCE = 256
STEPS = 4
"""Calls of ``step``."""


def match(
    structure: Structure,
    gallery: Gallery,
    ciphertexts: Tensor,
    views: Sequence[View],
    generator: torch.Generator,
    step: Callable[[], None] = lambda: None,
) -> Ranking:
    """Rank the candidates for each ciphertext; nothing is fitted if all have an exact copy.

    Args:
        structure: what the scheme makes public.
        gallery: at least two candidates.
        ciphertexts: ``(N, C, H, W)`` uint8.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each piece of work.
    """
    copies = ExactCopies(structure, gallery)
    exact = copies.of(ciphertexts)
    if bool(exact.any(dim=1).all()) or len(gallery.images) < FEWEST:
        return copies.ranked(ciphertexts, exact, RANKED)
    found = Matcher(structure, gallery, views, generator, step).rank(ciphertexts, exact)
    known = exact.any(dim=1)
    p = torch.where(known, copies.p_value, found.p_values)
    return replace(found, p_values=p, exact=known)


class Matcher:
    """Everything that is fitted before the first ciphertext is looked at.

    Args:
        structure: what the scheme makes public.
        gallery: the candidates.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each piece of work.
    """

    def __init__(
        self,
        structure: Structure,
        gallery: Gallery,
        views: Sequence[View],
        generator: torch.Generator,
        step: Callable[[], None] = lambda: None,
    ) -> None:
        self.gallery, self.views, self._step = gallery, tuple(views), step
        images = gallery.images
        order = torch.randperm(len(images), generator=generator).to(images.device)
        fitted = order[:FITTED]
        prepared = gallery.prepare(images[fitted[:SCALED]])
        self.invariants = Invariants(structure, prepared, generator)
        own = self.invariants.of(gallery.encrypt(images[fitted]), "ciphertext")
        copies = [self._of(gallery.copies(fitted, generator)) for _ in range(COPIES)]
        step()
        self.likelihood = PairLikelihood.fit(own.repeat(COPIES, 1), torch.cat(copies))
        step()
        self.values = self.likelihood.candidate(self._of(images))
        step()
        self.blocks: BlockLikelihood | None = None
        if structure.kind == "blocks" and structure.moves_blocks and gallery.alter is not None:
            self.blocks = self._fitted_blocks(prepared, generator)
        self.rehearsed = 0.0
        self._trust = self._rehearse(order, fitted, self.likelihood.ciphertext(own), generator)
        step()

    def rank(self, ciphertexts: Tensor, exact: Tensor) -> Ranking:
        """The likeliest candidates.

        Args:
            ciphertexts: ``(N, C, H', W')`` uint8.
            exact: ``(N, M)`` bool, which candidates are exact copies.
        """
        values = self.likelihood.ciphertext(self.invariants.of(ciphertexts, "ciphertext"))
        scores, views = self._plain_scores(values)
        p = self._trusted(values, scores, views)
        open_ = ((p > SETTLED) & ~exact.any(dim=1)).nonzero()[:, 0]
        if len(open_):
            part = scores[open_], views[open_]
            self._try_views(values[open_], *part)
            scores[open_], views[open_] = part
            p[open_] = self._trusted(values[open_], *part)
        ranked = scores + FIRST * exact
        if self.blocks is not None and len(open_):
            ranked[open_] += WEIGHT * self._compared(self.blocks, ciphertexts[open_], *part)
        top = ranked.topk(min(RANKED, ranked.shape[1]), dim=1).indices
        seen = views.gather(1, top[:, :1])[:, 0].long()
        known = exact.any(dim=1)
        return Ranking(top, p, known, seen, self.rehearsed, len(self.likelihood.correlation))

    def _of(self, images: Tensor) -> Tensor:
        """Invariants of candidates, or of copies of them."""
        return self.invariants.of(self.gallery.prepare(images), self.gallery.side)

    def _seen(self, number: int, rows: Tensor) -> Tensor:
        """Canonical values of candidates ``(R,)`` under a view."""
        if number == 0:
            return self.values[rows]
        return self.likelihood.candidate(self._of(self.views[number](self.gallery.images[rows])))

    def _plain_scores(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, M)`` scores of the candidates as they are, and the number of that view."""
        parts = [self.likelihood.scores(q, self.values) for q in values.split(QUERIES_AT_ONCE)]
        scores = torch.cat(parts)
        return scores, torch.zeros_like(scores, dtype=torch.int8)

    def _try_views(self, values: Tensor, scores: Tensor, views: Tensor) -> None:
        """Raise scores in place: every view on likely candidates, views that win often on all."""
        best = scores.amax(dim=1)
        each = max(1, min(TRIED // len(scores), scores.shape[1]))
        likely = scores.topk(each, dim=1).indices.unique()
        wins = torch.zeros(len(self.views))
        for number in range(1, len(self.views)):
            found = self._raise(number, likely, values, scores, views)
            wins[number] = (found > best).float().mean()
            self._step()
        everyone = torch.arange(scores.shape[1], device=scores.device)
        if len(likely) == len(everyone):
            return
        for number in wins.argsort(descending=True)[:KEPT_VIEWS].tolist():
            if wins[number] > WON:
                self._raise(number, everyone, values, scores, views)

    def _raise(
        self, number: int, rows: Tensor, values: Tensor, scores: Tensor, views: Tensor
    ) -> Tensor:
        """Raise scores where a view fits better; returns the best score of it, ``(N,)``."""
        new = self.likelihood.scores(values, self._seen(number, rows)) - PENALTY
        better = new > scores[:, rows]
        scores[:, rows] = torch.where(better, new, scores[:, rows])
        views[:, rows] = torch.where(better, number, views[:, rows].int()).to(torch.int8)
        return new.amax(dim=1)

    def _trusted(self, values: Tensor, scores: Tensor, views: Tensor) -> Tensor:
        return self._trust.p_values(self._statistics(values, scores, views))

    def _statistics(self, values: Tensor, scores: Tensor, views: Tensor) -> Tensor:
        top = scores.topk(min(BEHIND + 1, scores.shape[1]), dim=1)
        best = top.indices[:, 0]
        under = views.gather(1, best[:, None])[:, 0].long()
        theirs = torch.empty_like(values)
        for number in under.unique().tolist():
            rows = (under == number).nonzero()[:, 0]
            theirs[rows] = self._seen(number, best[rows])
        return statistics(top.values, values, theirs, self.likelihood.correlation).cpu()

    def _rehearse(
        self, order: Tensor, fitted: Tensor, own: Tensor, generator: torch.Generator
    ) -> Trust:
        """Learn the trust in a match from ciphertexts of known answer.

        Args:
            order: the candidates in a random order; the last are altered and encrypted.
            fitted: those of the fit.
            own: ``(F, K)`` canonical values of their ciphertexts.
            generator: on the CPU.
        """
        gallery = self.gallery
        alike = Lookalikes(gallery.images) if gallery.alter is not None else None
        rows = order.flip(0)[: min(REHEARSED, len(order) // 2)]
        encrypted = gallery.encrypt(gallery.copies(rows, generator))
        values = self.likelihood.ciphertext(self.invariants.of(encrypted, "ciphertext"))
        present, right = [], []
        for q, r in zip(values.split(QUERIES_AT_ONCE), rows.split(QUERIES_AT_ONCE), strict=True):
            scores, views = self._plain_scores(q)
            right.append((scores.argmax(dim=1) == r).float())
            present.append(self._statistics(q, scores, views))
        self.rehearsed = float(torch.cat(right).mean())
        absent = torch.cat(list(self._absent(values, rows, alike)))
        others = torch.cat(list(self._absent(own, fitted, alike)))
        return Trust.fit(torch.cat(present), absent, others, generator)

    def _absent(self, values: Tensor, rows: Tensor, alike: Lookalikes | None) -> Iterator[Tensor]:
        """Statistics of ciphertexts whose image is left out, with all that shows the same."""
        for q, r in zip(values.split(QUERIES_AT_ONCE), rows.split(QUERIES_AT_ONCE), strict=True):
            scores, views = self._plain_scores(q)
            if alike is None:
                scores.scatter_(1, r[:, None], -torch.inf)
            else:
                scores[alike.of(r)] = -torch.inf
            yield self._statistics(q, scores, views)

    def _fitted_blocks(self, plain: Tensor, generator: torch.Generator) -> BlockLikelihood:
        """From copies whose blocks are still where they were."""
        described = self.invariants.described
        half = len(plain) // 2
        copies = [
            altered(plain[:half], "jpeg50", generator),
            altered(plain[half:], "resized", generator),
        ]
        return BlockLikelihood.fit(
            described(plain, "ciphertext"), described(torch.cat(copies), "candidate"), generator
        )

    def _compared(
        self, blocks: BlockLikelihood, ciphertexts: Tensor, scores: Tensor, views: Tensor
    ) -> Tensor:
        """``(N, M)`` how well the blocks of the likeliest candidates fit; 0 for the others."""
        top = scores.topk(min(RERANKED, scores.shape[1]), dim=1).indices
        under = views.gather(1, top)
        described = self.invariants.described
        ours = described(ciphertexts, "ciphertext")
        background = blocks.background_of(ours)
        found = torch.empty(top.shape, device=scores.device)
        for number in under.unique().tolist():
            rows, columns = (under == number).nonzero(as_tuple=True)
            which, place = top[rows, columns].unique(return_inverse=True)
            seen = self.gallery.prepare(self.views[number](self.gallery.images[which]))
            theirs = described(seen, "candidate")
            found[rows, columns] = blocks.scores(ours[rows], background[rows], theirs[place])
        least = found.amin(dim=1, keepdim=True)  # the others must not gain by not being compared
        return torch.zeros_like(scores).scatter_(1, top, found - least)
