"""The match tried on ciphertexts of known answer, from which the trust in a match is learned."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.scoring import AT_ONCE, Queries, Scorer
from ppattack.solvers.candidates.trust import Trust

REHEARSED = 2500
"""Candidates that are altered and encrypted, at most."""
COMPARED = 32
"""Likeliest candidates among which those that show the same as the one left out are looked for."""


def rehearse(scorer: Scorer, generator: torch.Generator) -> tuple[Trust, float]:
    """Match ciphertexts whose images are among the candidates, and are then left out.

    Args:
        scorer: fitted.
        generator: on the CPU.

    Returns:
        the trust in a match, and the share of the ciphertexts that were named.
    """
    gallery = scorer.gallery
    count = len(gallery.images)
    rows = torch.randperm(count, generator=generator)[: min(REHEARSED, max(1, count // 2))]
    rows = rows.to(gallery.images.device)
    queries = scorer.queries(gallery.encrypt(gallery.copies(rows, generator)))
    present, right = [], []
    for q, r in zip(queries.split(), rows.split(AT_ONCE), strict=True):
        scores = scorer.scores(q)
        right.append((scores.best()[0] == r).float())
        present.append(scorer.statistics(q, scores))
    alike = Lookalikes(gallery.images) if gallery.alter is not None else None
    absent = torch.cat(list(_absent(scorer, queries, rows, alike)))
    others = torch.cat(list(_absent(scorer, scorer.own, scorer.fitted, alike)))
    trust = Trust.fit(torch.cat(present), absent, others, generator)
    return trust, float(torch.cat(right).mean())


def _absent(
    scorer: Scorer, queries: Queries, rows: Tensor, alike: Lookalikes | None
) -> Iterator[Tensor]:
    """Statistics of ciphertexts whose image is left out, with all that shows the same."""
    for q, r in zip(queries.split(), rows.split(AT_ONCE), strict=True):
        scores = scorer.scores(q)
        scores.values.scatter_(1, r[:, None], -torch.inf)
        if alike is not None:
            top = scores.top(COMPARED)
            left = scores.values.gather(1, top).masked_fill(alike.among(r, top), -torch.inf)
            scores.values.scatter_(1, top, left)
        yield scorer.statistics(q, scores)
