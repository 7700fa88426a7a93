"""Which candidate each ciphertext is of: exact copies first, then by likelihood, views and blocks.

Exact copies need no training: a number that no key changes finds them. For everything else the
candidates themselves, altered and encrypted under own keys, are pairs of known answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ppattack.solvers.candidates.gallery import FIRST, ExactCopies, Gallery, Ranking
from ppattack.solvers.candidates.rehearsal import rehearse
from ppattack.solvers.candidates.scoring import Queries, Scorer, Scores
from ppattack.solvers.candidates.views import View
from ppattack.target.structure import Structure

FEWEST = 40
"""Candidates below which nothing can be fitted."""
TRIED = 2000
"""Likely candidates on which every view is tried."""
WON = 0.04
"""Share of the ciphertexts that a view must win to be tried on every candidate."""
KEPT_VIEWS = 3
RERANKED = 50
"""Likeliest candidates whose blocks are compared one by one."""
WEIGHT = 0.3
"""Of the comparison of blocks, which repeats much of what the likelihood knows."""
SETTLED = 0.005
"""A match with a smaller p-value is not looked at again."""
RANKED = 10
"""Candidates that are reported, the likeliest first."""
STEPS = 4
"""Calls of ``step`` beside one for each view."""


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
    known = exact.any(dim=1)
    if bool(known.all()) or len(gallery.images) < FEWEST:
        return copies.ranked(ciphertexts, exact, RANKED)
    scorer = Scorer(structure, gallery, views, generator, step)
    trust, rehearsed = rehearse(scorer, generator)
    step()
    queries = scorer.queries(ciphertexts)
    scores = scorer.scores(queries)
    p = trust.p_values(scorer.statistics(queries, scores)).to(known.device)
    unsettled = ((p > SETTLED) & ~known).nonzero()[:, 0]
    if len(unsettled):
        left = queries[unsettled]
        part = Scores(scores.values[unsettled], scores.views[unsettled])
        _try_views(scorer, left, part, step)
        p[unsettled] = trust.p_values(scorer.statistics(left, part)).to(known.device)
        if scorer.blocks is not None:
            part.values.add_(_compared(scorer, left, part), alpha=WEIGHT)
        scores.values[unsettled], scores.views[unsettled] = part.values, part.views
    scores.values.add_(exact, alpha=FIRST)
    return Ranking(
        scores.top(RANKED),
        torch.where(known, copies.p_value, p),
        known,
        scores.best()[1],
        rehearsed,
        len(scorer.likelihood.correlation),
    )


def _try_views(scorer: Scorer, queries: Queries, scores: Scores, step: Callable[[], None]) -> None:
    """Raise scores: every view on likely candidates, views that win often on all."""
    count, candidates = scores.values.shape
    best = scores.values.amax(dim=1)
    likely = scores.top(max(1, TRIED // count)).unique()
    wins = torch.zeros(len(scorer.views))
    for number in range(1, len(scorer.views)):
        found = scorer.raise_(number, likely, queries, scores)
        wins[number] = (found > best).float().mean()
        step()
    if len(likely) == candidates:
        return
    everyone = torch.arange(candidates, device=likely.device)
    for number in wins.argsort(descending=True)[:KEPT_VIEWS].tolist():
        if wins[number] > WON:
            scorer.raise_(number, everyone, queries, scores)


def _compared(scorer: Scorer, queries: Queries, scores: Scores) -> Tensor:
    """``(N, M)`` how well the blocks of the likeliest candidates fit; 0 for the others."""
    top = scores.top(RERANKED)
    found = scorer.fit_of_blocks(queries, top, scores.views.gather(1, top))
    least = found.amin(dim=1, keepdim=True)  # the others must not gain by not being compared
    return torch.zeros_like(scores.values).scatter_(1, top, found - least)
