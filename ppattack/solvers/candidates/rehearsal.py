"""The match tried on ciphertexts of known answer, from which the trust in a match is learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.candidates.likeliest import Scores
from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.scoring import AT_ONCE, COMPARED, Queries, Scorer
from ppattack.solvers.candidates.trust import Trust

STRANGERS = 7500
"""Candidates that are encrypted as they are to see how well images match that are not there."""
TAUGHT = 3
"""One of this many strangers teaches what such a match looks like; p-values rest on the others."""


@dataclass(frozen=True)
class Strangers:
    """Candidates that are encrypted as they are, as the victims' images are.

    Args:
        rows: ``(Q,)`` which candidates.
        queries: what is known of their ciphertexts.
    """

    rows: Tensor
    queries: Queries

    @classmethod
    def drawn(cls, scorer: Scorer, generator: torch.Generator) -> Strangers:
        """Some that took no part in the fit; the generator is on the CPU."""
        images = scorer.gallery.images
        left = torch.ones(len(images), dtype=torch.bool, device=images.device)
        left[scorer.fitted[scorer.rehearsed]] = False
        others = left.nonzero()[:, 0]
        chosen = torch.randperm(len(others), generator=generator)[:STRANGERS]
        others = others[chosen.to(images.device)]
        return cls(others, scorer.queries(scorer.gallery.encrypt(images[others])))


def rehearse(
    scorer: Scorer, own: Scores, strangers: Strangers, theirs: Scores, generator: torch.Generator
) -> tuple[Trust, float]:
    """Match own ciphertexts whose images are among the candidates, and are then left out.

    Stand-ins that took no part in the fit teach what a match of an image that is there looks like,
    and one of an image that is not. P-values rest on other candidates, encrypted as they are: they
    are whole pictures, as the victims' images are, with no border continued. Some more of these
    teach what images look like that only nearly show the same, which are rare.

    Args:
        scorer: fitted.
        own: the likeliest candidates of the scorer's own ciphertexts.
        strangers: other candidates, encrypted.
        theirs: the likeliest candidates of these.
        generator: on the CPU.

    Returns:
        the trust in a match, and the share of the ciphertexts that were named.
    """
    rows, present, right = scorer.fitted[scorer.rehearsed], [], []
    alike = Lookalikes(scorer.gallery.images) if scorer.gallery.alter is not None else None
    for part in torch.arange(len(rows)).split(AT_ONCE):
        queries, images = scorer.own[part], rows[part]
        seen, scores = scorer.judged(queries, scorer.with_own_copies(own[part], queries, images))
        present.append(seen)
        right.append((scores.best()[0] == images).float())
    absent = _absent(scorer, own, scorer.own, rows, alike)
    unseen = _absent(scorer, theirs, strangers.queries, strangers.rows, alike)
    taught = torch.arange(len(unseen)) % TAUGHT == 0
    absent = torch.cat([absent, unseen[taught]])
    trust = Trust.fit(torch.cat(present), absent, unseen[~taught], generator)
    return trust, float(torch.cat(right).mean())


def _absent(
    scorer: Scorer, scores: Scores, queries: Queries, rows: Tensor, alike: Lookalikes | None
) -> Tensor:
    """Statistics of own ciphertexts whose image is left out, with all that shows the same."""
    found = []
    for part in torch.arange(len(rows)).split(AT_ONCE):
        images, likeliest = rows[part], scores[part]
        left = likeliest.without(likeliest.candidates == images[:, None])
        if alike is not None:
            left = _without_lookalikes(left, images, alike)
        found.append(scorer.judged(queries[part], left)[0])
    return torch.cat(found)


def _without_lookalikes(scores: Scores, images: Tensor, alike: Lookalikes) -> Scores:
    lost = torch.zeros_like(scores.values, dtype=torch.bool)
    lost[:, :COMPARED] = alike.among(images, scores.top(COMPARED))
    return scores.without(lost)
