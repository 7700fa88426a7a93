"""The match tried on ciphertexts of known answer, from which the trust in a match is learned."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.scoring import AT_ONCE, Scorer, Scores
from ppattack.solvers.candidates.trust import Trust

COMPARED = 32
"""Likeliest candidates among which those that show the same as the one left out are looked for."""


def rehearse(scorer: Scorer, generator: torch.Generator) -> tuple[Trust, float]:
    """Match own ciphertexts whose images are among the candidates, and are then left out.

    Those that took no part in the fit teach what a match of an image that is there looks like, and
    one of an image that is not. The others, which did not teach it, say how often such a match is
    taken for one that is there.

    Args:
        scorer: fitted.
        generator: on the CPU.

    Returns:
        the trust in a match, and the share of the ciphertexts that were named.
    """
    rows = scorer.rehearsed
    present, right = [], []
    for part in rows.split(AT_ONCE):
        queries, images = scorer.own[part], scorer.fitted[part]
        scores = scorer.with_own_copies(queries, images)
        present.append(scorer.judged(queries, scores))
        right.append((scores.best()[0] == images).float())
    alike = Lookalikes(scorer.gallery.images) if scorer.gallery.alter is not None else None
    absent = torch.cat(list(_absent(scorer, rows, alike)))
    others = torch.ones(len(scorer.own), dtype=torch.bool, device=rows.device)
    others[rows] = False
    unseen = torch.cat(list(_absent(scorer, others.nonzero()[:, 0], alike)))
    trust = Trust.fit(torch.cat(present), absent, unseen, generator)
    return trust, float(torch.cat(right).mean())


def _absent(scorer: Scorer, rows: Tensor, alike: Lookalikes | None) -> Iterator[Tensor]:
    """Statistics of own ciphertexts whose image is left out, with all that shows the same."""
    for part in rows.split(AT_ONCE):
        queries, images = scorer.own[part], scorer.fitted[part]
        scores = scorer.scores(queries)
        scores.values.scatter_(1, images[:, None], -torch.inf)
        if alike is not None:
            _leave_out(scores, images, alike)
        yield scorer.judged(queries, scores)


def _leave_out(scores: Scores, images: Tensor, alike: Lookalikes) -> None:
    top = scores.top(COMPARED)
    left = scores.values.gather(1, top).masked_fill(alike.among(images, top), -torch.inf)
    scores.values.scatter_(1, top, left)
