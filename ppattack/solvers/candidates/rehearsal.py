"""The match tried on ciphertexts of known answer, from which the trust in a match is learned."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.candidates.lookalikes import Lookalikes
from ppattack.solvers.candidates.scoring import AT_ONCE, Queries, Scorer, Scores
from ppattack.solvers.candidates.trust import Trust

COMPARED = 32
"""Likeliest candidates among which those that show the same as the one left out are looked for."""
STRANGERS = 7500
"""Candidates that are encrypted as they are to see how well images match that are not there."""
TAUGHT = 3
"""One of this many strangers teaches what such a match looks like; p-values rest on the others."""


def rehearse(scorer: Scorer, generator: torch.Generator) -> tuple[Trust, float]:
    """Match own ciphertexts whose images are among the candidates, and are then left out.

    Stand-ins that took no part in the fit teach what a match of an image that is there looks like,
    and one of an image that is not. P-values rest on other candidates, encrypted as they are: they
    are whole pictures, as the victims' images are, with no border continued. Some more of these
    teach what images look like that only nearly show the same, which are rare.

    Args:
        scorer: fitted.
        generator: on the CPU.

    Returns:
        the trust in a match, and the share of the ciphertexts that were named.
    """
    rows, present, right = scorer.fitted[scorer.rehearsed], [], []
    alike = Lookalikes(scorer.gallery.images) if scorer.gallery.alter is not None else None
    own = scorer.own
    for queries, images in zip(own.split(AT_ONCE), rows.split(AT_ONCE), strict=True):
        scores = scorer.with_own_copies(queries, images)
        present.append(scorer.judged(queries, scores))
        right.append((scores.best()[0] == images).float())
    absent = _absent(scorer, own, rows, alike)
    left = torch.ones(len(scorer.gallery.images), dtype=torch.bool, device=rows.device)
    left[rows] = False
    others = left.nonzero()[:, 0]
    others = others[torch.randperm(len(others), generator=generator)[:STRANGERS].to(rows.device)]
    strangers = scorer.queries(scorer.gallery.encrypt(scorer.gallery.images[others]))
    unseen = _absent(scorer, strangers, others, alike)
    taught = torch.arange(len(unseen)) % TAUGHT == 0
    absent = torch.cat([absent, unseen[taught]])
    trust = Trust.fit(torch.cat(present), absent, unseen[~taught], generator)
    return trust, float(torch.cat(right).mean())


def _absent(scorer: Scorer, queries: Queries, rows: Tensor, alike: Lookalikes | None) -> Tensor:
    """Statistics of own ciphertexts whose image is left out, with all that shows the same."""
    found = []
    for part, images in zip(queries.split(AT_ONCE), rows.split(AT_ONCE), strict=True):
        scores = scorer.scores(part)
        scores.values.scatter_(1, images[:, None], -torch.inf)
        if alike is not None:
            _leave_out(scores, images, alike)
        found.append(scorer.judged(part, scores))
    return torch.cat(found)


def _leave_out(scores: Scores, images: Tensor, alike: Lookalikes) -> None:
    top = scores.top(COMPARED)
    left = scores.values.gather(1, top).masked_fill(alike.among(images, top), -torch.inf)
    scores.values.scatter_(1, top, left)
