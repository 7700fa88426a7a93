"""Which image is which, and which place is which: each tells the other.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).

Conventions: there are N ciphertexts and N candidates with P patches each. ``matching[j]`` is the
candidate of ciphertext j, ``places[q]`` the patch of the plain images that the codes' place q
shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score, least_cost


@dataclass(frozen=True)
class Views:
    """Candidates and codes in terms that can be compared.

    Args:
        plain: ``(N, P, E)`` features or embeddings of the candidates' patches.
        codes: ``(N, P, E)`` likewise for the codes, in one order.
    """

    plain: Tensor
    codes: Tensor


@dataclass(frozen=True)
class Alternation:
    """Where an alternation ended.

    Args:
        matching: ``(N,)`` int64.
        places: ``(P,)`` int64.
        scores: ``(N, N)``: of each ciphertext with each candidate, higher is likelier.
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
    return least_cost(_squared_distances(_by_place(views.codes), _by_place(views.plain[matching])))


def scores_of(views: Views, places: Tensor) -> Tensor:
    """Minus the mean squared distance of every ciphertext to every candidate, ``(N, N)``."""
    distances = _squared_distances(views.codes.flatten(1), views.plain[:, places].flatten(1))
    return -distances / views.codes.shape[1:].numel()


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
    """Scores that need no places, ``(N, N)``: by each image's features in ascending order.

    Args:
        plain: ``(N, P)`` one feature of each patch.
        codes: ``(N, P)`` likewise.
    """
    distances = _squared_distances(codes.sort(dim=1).values, plain.sort(dim=1).values)
    return -distances / codes.shape[1]


def _by_place(features: Tensor) -> Tensor:
    """``(P, N · E)``."""
    return features.transpose(0, 1).flatten(1)


def _squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    squares = rows.square().sum(dim=1)[:, None] + columns.square().sum(dim=1)
    return torch.addmm(squares, rows, columns.T, alpha=-2)
