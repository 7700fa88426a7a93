"""Which image is which, and which place is which: each tells the other.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).

Conventions: there are N ciphertexts and M candidates, N at least, with P patches each.
``matching[j]`` is the candidate of ciphertext j, ``places[q]`` the patch of the plain images that
the codes' place q shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score

PART_BYTES = 64 << 20
"""Bytes of features that are compared at a time."""


@dataclass(frozen=True)
class Views:
    """Candidates and codes in terms that can be compared.

    Args:
        plain: ``(M, P, E)`` features or embeddings of the candidates' patches.
        codes: ``(N, P, E)`` likewise for the codes, in one order.
    """

    plain: Tensor
    codes: Tensor

    def parts(self, places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Both sides at a few places at a time, ``(N, F)`` and ``(M, F)``, patches side by side."""
        step = max(1, PART_BYTES // (4 * self.plain[:, 0].numel()))
        for start in range(0, len(places), step):
            part = slice(start, start + step)
            yield self.codes[:, part].flatten(1), self.plain[:, places[part]].flatten(1)


@dataclass(frozen=True)
class Alternation:
    """Where an alternation ended.

    Args:
        matching: ``(N,)`` int64.
        places: ``(P,)`` int64.
        scores: ``(N, M)``: of each ciphertext with each candidate, higher is likelier.
        rounds: how many it took.
    """

    matching: Tensor
    places: Tensor
    scores: Tensor
    rounds: int


def places_of(views: Views, matching: Tensor) -> Tensor:
    """The places that bring features of matched images closest.

    For unit vectors these are the places that make them most similar.

    Args:
        views: of both sides.
        matching: ``(N,)``.
    """
    codes, plain = _by_place(views.codes), _by_place(views.plain[matching])
    scores = codes.new_zeros((len(codes), len(plain)))
    add_scores(scores, codes, plain)
    return greatest_score(scores)


def scores_of(views: Views, places: Tensor) -> Tensor:
    """Minus the mean squared distance of every ciphertext to every candidate, ``(N, M)``."""
    scores = views.codes.new_zeros((len(views.codes), len(views.plain)))
    for codes, plain in views.parts(places):
        add_scores(scores, codes, plain)
    return scores.div_(views.codes.shape[1:].numel())


def add_scores(scores: Tensor, codes: Tensor, plain: Tensor) -> None:
    """Subtract squared distances between rows ``(N, F)`` and ``(M, F)`` from ``(N, M)`` scores."""
    scores.addmm_(codes, plain.T, alpha=2)
    scores.sub_(codes.square().sum(dim=1)[:, None]).sub_(plain.square().sum(dim=1))


def alternate(views: Views, matching: Tensor, known: Tensor | None, rounds: int) -> Alternation:
    """Places from the matching, the matching from the places, until nothing changes.

    Args:
        views: of both sides.
        matching: ``(N,)`` to start from.
        known: ``(P,)`` the places if they are known, else None.
        rounds: of both steps, at least one, at most.
    """
    for done in range(1, rounds + 1):
        places = places_of(views, matching) if known is None else known
        scores = scores_of(views, places)
        found = Alternation(greatest_score(scores), places, scores, done)
        if torch.equal(matching, found.matching):
            break
        matching = found.matching
    return found


def scores_of_contents(plain: Tensor, codes: Tensor) -> Tensor:
    """Scores that need no places, ``(N, M)``: by each image's features in ascending order.

    Args:
        plain: ``(M, P)`` one feature of each patch.
        codes: ``(N, P)`` likewise.
    """
    scores = codes.new_zeros((len(codes), len(plain)))
    add_scores(scores, codes.sort(dim=1).values, plain.sort(dim=1).values)
    return scores.div_(codes.shape[1])


def _by_place(features: Tensor) -> Tensor:
    """``(P, N · E)``."""
    return features.transpose(0, 1).flatten(1)
