"""Inner products of codes: almost the same under every key, and different for every image.

A wide random network keeps the geometry of its inputs: the inner product of two codes of one
position depends on what the two patches show and hardly on the key. Codes of candidates under the
adversary's own keys therefore predict the victims' inner products, and a matching that is partly
right names enough landmarks to correct the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.alternation import Alternation, Views, places_of, scores_of

SMALLEST = 1e-20


def similarities(vectors: Tensor, landmarks: Tensor) -> Tensor:
    """Cosines to landmark images, position by position.

    Args:
        vectors: ``(N, P, D)`` codes, in one order.
        landmarks: ``(L,)`` int64, images among them.

    Returns:
        ``(N, P, L)``: cosines of the deviations from the mean code of the position. Those of a
        landmark with itself are 0: they would tie every landmark to its present match.
    """
    count, positions, _ = vectors.shape
    out = vectors.new_empty((count, positions, len(landmarks)))
    for place in range(positions):
        codes = vectors[:, place]
        units = functional.normalize(codes - codes.mean(dim=0), dim=1)
        torch.matmul(units, units[landmarks].T, out=out[:, place])
    out[landmarks, :, torch.arange(len(landmarks), device=landmarks.device)] = 0
    return out


def refine(
    energy: Views,
    plain: Tensor,
    vectors: Tensor,
    landmarks: Tensor,
    start: Alternation,
    known: Tensor | None,
    rounds: int,
) -> Alternation:
    """Match by energies and by cosines to the landmarks matched before, until nothing changes.

    Args:
        energy: ``(N, P, 1)`` on both sides.
        plain: ``(N, P, L)`` similarities of the candidates, averaged over own keys.
        vectors: ``(N, P, D)`` victims' codes, in one order.
        landmarks: ``(L,)`` candidates.
        start: the matching and places to start from.
        known: ``(P,)`` the places if they are known, else None.
        rounds: at most.
    """
    found = start
    for done in range(1, rounds + 1):
        codes = similarities(vectors, found.matching.argsort()[landmarks])
        views = joined([_weighted(view, found) for view in (energy, Views(plain, codes))])
        # Energies of a matching that is partly right tell the places best.
        places = places_of(energy, found.matching) if known is None else known
        scores = scores_of(views, places)
        before, found = found, Alternation(greatest_score(scores), places, scores, done)
        if torch.equal(before.matching, found.matching):
            break
    return found


def joined(views: Sequence[Views]) -> Views:
    """All features of several views."""
    return Views(
        torch.cat([view.plain for view in views], dim=2),
        torch.cat([view.codes for view in views], dim=2),
    )


def _weighted(view: Views, found: Alternation) -> Views:
    """The view in units of its noise: codes as a linear function of their matched candidates.

    Squared distances of such views add up to minus twice the logarithm of a likelihood.
    """
    matched = view.plain[found.matching][:, found.places]
    plain_mean, codes_mean = matched.mean(), view.codes.mean()
    plain, codes = matched - plain_mean, view.codes - codes_mean
    slope = ((plain * codes).sum() / plain.square().sum().clamp_min(SMALLEST)).clamp_min(0)
    noise = (codes - slope * plain).square().mean().clamp_min(SMALLEST).sqrt()
    return Views((view.plain - plain_mean) * (slope / noise), codes / noise)
