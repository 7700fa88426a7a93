"""Inner products of codes: almost the same under every key, and different for every image.

A wide random network keeps the geometry of its inputs: the inner product of two codes of one
position depends on what the two patches show and hardly on the key. Codes of candidates under the
adversary's own keys therefore predict the victims' inner products, and a matching that is partly
right names enough landmarks to correct the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.neuracrypt.alternation import Alternation, Views, alternate


def similarities(vectors: Tensor, landmarks: Tensor) -> Tensor:
    """Inner products with landmark images, position by position.

    Args:
        vectors: ``(N, P, D)`` codes, in one order.
        landmarks: ``(L,)`` int64, images among them.

    Returns:
        ``(N, P, L)``: of the deviations from the mean code of the position, over D, divided by
        their mean at the landmarks themselves so that a key that scales all codes changes nothing.
    """
    count, positions, _ = vectors.shape
    out = vectors.new_empty((count, positions, len(landmarks)))
    for place in range(positions):
        codes = vectors[:, place]
        centred = codes - codes.mean(dim=0)
        torch.matmul(centred, centred[landmarks].T, out=out[:, place])
    own = out[landmarks].diagonal(dim1=0, dim2=2)
    return out / own.mean().clamp_min(torch.finfo(out.dtype).tiny)


def refine(
    plain: Tensor,
    vectors: Tensor,
    landmarks: Tensor,
    start: Alternation,
    known: Tensor | None,
    rounds: int,
) -> Alternation:
    """Match again by inner products with the landmarks of the matching before, until it stays.

    Args:
        plain: ``(N, P, L)`` similarities of the candidates, averaged over own keys.
        vectors: ``(N, P, D)`` victims' codes, in one order.
        landmarks: ``(L,)`` candidates.
        start: the matching and places to start from.
        known: ``(P,)`` the places where they are known, else None.
        rounds: at most.
    """
    found = start
    for done in range(1, rounds + 1):
        images = found.matching.argsort()[landmarks]
        codes = similarities(vectors, images)
        step = alternate(Views(plain, codes), found.matching, known, 2)
        same = torch.equal(step.matching, found.matching)
        found = Alternation(step.matching, step.places, step.scores, done)
        if same:
            break
    return found
