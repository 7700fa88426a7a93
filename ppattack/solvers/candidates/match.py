"""Which candidate each ciphertext is of: exact copies first, then by likelihood, views and blocks.

Exact copies need no training: a number that no key changes finds them. For everything else the
candidates themselves, altered and encrypted under own keys, are pairs of known answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ppattack.context import Alone, Workers
from ppattack.solvers.candidates.gallery import ExactCopies, Gallery, Ranking, with_exact
from ppattack.solvers.candidates.likeliest import Scores
from ppattack.solvers.candidates.rehearsal import Strangers, rehearse
from ppattack.solvers.candidates.scoring import AT_ONCE, KEPT, Queries, Scorer, together
from ppattack.solvers.candidates.views import View
from ppattack.target.structure import Structure

FEWEST = 40
"""Candidates below which nothing can be fitted."""
TRIED = 1000
"""Likely candidates on which every view is tried, at most."""
TRIED_EACH = KEPT
"""Likewise for each ciphertext."""
RARE = 20.0
"""By how much a view must win for a ciphertext to count as one of it."""
STRICTNESS = 6.0
"""Times the logarithm of how rare a view is: what it costs. It would be 1 if features were Gaussian
as the likelihood takes them to be."""
UNSEEN = 0.25
"""Ciphertexts that a view is taken to have won before any is looked at."""
COMMON = 0.04
"""Share of the ciphertexts from which on a view is tried on every candidate."""
KEPT_VIEWS = 3
AS_IT_IS = 0.5
"""Share of the chances to match by luck that the candidate as it is has beside its share as a view:
p-values of such matches are twice as large at most."""
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
    workers: Workers | None = None,
) -> Ranking:
    """Rank the candidates for each ciphertext; nothing is fitted if all have an exact copy.

    Args:
        structure: what the scheme makes public.
        gallery: at least two candidates.
        ciphertexts: ``(N, C, H, W)`` uint8.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each piece of work.
        workers: score the candidates; None for this process.
    """
    workers = workers or Alone()
    copies = ExactCopies(structure, gallery, workers)
    exact = copies.of(ciphertexts)
    known = (exact >= 0).any(dim=1)
    if bool(known.all()) or len(gallery.images) < FEWEST:
        return copies.ranked(ciphertexts, exact, RANKED)
    scorer = Scorer(structure, gallery, views, generator, step, workers)
    queries, strangers = scorer.queries(ciphertexts), Strangers.drawn(scorer, generator)
    everyone = together([queries, scorer.own, strangers.queries])
    parts = scorer.scores(everyone)
    ends = len(queries), len(queries) + len(scorer.own)
    first, own, theirs = parts[: ends[0]], parts[ends[0] : ends[1]], parts[ends[1] :]
    trust, rehearsed = rehearse(scorer, own, strangers, theirs, generator)
    step()
    seen, scores = scorer.judged(queries, first)
    p = trust.p_values(seen).to(known.device)
    unsettled = ((p > SETTLED) & ~known).nonzero()[:, 0]
    if len(unsettled) and len(views) > 1:
        left = queries[unsettled]
        part, shares = _try_views(scorer, left, first[unsettled], step)
        seen, part = scorer.judged(left, part)
        found = trust.p_values(seen).to(known.device)
        chances = shares * (1 - AS_IT_IS)
        chances[0] += AS_IT_IS
        p /= chances[0]  # each view is one more chance to match by luck; together they are one
        p[unsettled] = found / chances[part.best()[1]]
        p.clamp_(max=1)
        scores = scores.replaced(unsettled, part)
    scores = with_exact(scores, exact, _of_copies(scorer, queries, exact))
    return Ranking(
        scores.top(RANKED),
        torch.where(known, copies.p_value, p),
        known,
        scores.best()[1],
        rehearsed,
        len(scorer.likelihood.correlation),
    )


def _of_copies(scorer: Scorer, queries: Queries, exact: Tensor) -> Tensor:
    """``(N, E)`` scores of exact copies; what stands where there is none means nothing."""
    values = torch.zeros(exact.shape, device=exact.device)
    rows, columns = (exact >= 0).nonzero().T
    for part in torch.arange(len(rows)).split(AT_ONCE) if len(rows) else ():
        pairs = rows[part], columns[part]
        values[pairs] = scorer.of_pairs(queries[pairs[0]], exact[pairs])
    return values


def _try_views(
    scorer: Scorer, queries: Queries, scores: Scores, step: Callable[[], None]
) -> tuple[Scores, Tensor]:
    """Raise scores: every view on likely candidates, views that win often on all.

    How common a view is among the ciphertexts says what it costs: a rare one must win by more.

    Args:
        scorer: fitted.
        queries: N ciphertexts.
        scores: of the candidates as they are.
        step: called after each view.

    Returns:
        the scores; and ``(V,)`` the share of each view, the candidate as it is first.
    """
    candidates = len(scorer.gallery.images)
    likely = scores.top(max(1, min(TRIED // len(scores), TRIED_EACH))).unique()
    best, tried = [scores.values[:, 0] + RARE], []
    for number in range(1, len(scorer.views)):
        tried.append(scorer.under_view(number, likely, queries))
        best.append(tried[-1].amax(dim=1))
        step()
    shares = _shares(torch.stack(best).argmax(dim=0), len(best))
    costs = (-STRICTNESS * shares.log()).tolist()
    for number, found in enumerate(tried, 1):
        scores = scores.raised(Scores.of_all(found - costs[number], KEPT, number).among(likely))
    if len(likely) < candidates:
        for number in (shares[1:].argsort(descending=True)[:KEPT_VIEWS] + 1).tolist():
            if shares[number] > COMMON:
                seen = scorer.scores(queries, number)
                scores = scores.raised(replace(seen, values=seen.values - costs[number]))
    return scores, shares


def _shares(winners: Tensor, views: int) -> Tensor:
    """``(V,)`` shares of views that won for N ciphertexts; half of a little is the first's."""
    little = torch.full((views,), UNSEEN, device=winners.device)
    little[0] *= max(1, views - 1)
    found = torch.bincount(winners, minlength=views) + little
    return found / found.sum()
