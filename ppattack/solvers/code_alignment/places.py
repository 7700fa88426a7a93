"""Which patch of an image each cluster of codes shows.

Clusters are what a shuffle leaves when it is undone: the codes of one place in all images, without
the place. How alike the contents of two places are is the same under every key, so that the
layouts of the victims' clusters and of an own encoder's places are two graphs to be matched.

Reference: Vogelstein et al., "Fast Approximate Quadratic Programming for Graph Matching", PLOS ONE
10(4):e0121002, 2015 (Frank-Wolfe).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.moments import of_equal_contrast
from ppattack.solvers.matching.assignment import greatest_score

BANDS = ((0, 1), (1, 3), (3, 6), (6, 12))
"""Ranges of components whose similarities are added up: components of one range are about equally
strong, so that keys rank them differently."""
AXES = (3, 5)
"""Leading eigenvectors of the similarity that place the clusters in space."""
ALTERNATIONS = 12
STARTS = 10
BLUR = 1.5
"""Places over which a start is blurred before Frank-Wolfe."""
STEPS = 40
FLAT = 1e-9
SMALLEST = 1e-12


@dataclass(frozen=True)
class Layouts:
    """Similarities of places, by channel, brought to one scale.

    Args:
        pairs: ``(C, P, P)``, off-diagonal mean 0 and deviation 1, diagonal 0.
        single: ``(C, P)`` what is known of each place alone, mean 0 and deviation 1.
    """

    pairs: Tensor
    single: Tensor

    @classmethod
    def of(cls, components: Tensor) -> Layouts:
        """Similarities that do not depend on the key: those of whole bands of components.

        Args:
            components: ``(N, P, K)``.
        """
        return cls(*_similarities(of_equal_contrast(components)))


def find_places(ours: Layouts, theirs: Layouts, grid: tuple[int, int]) -> Tensor:
    """``(P,)`` int64: the patch that each cluster shows, up to turns and mirrors of the grid.

    Args:
        ours: of the victims' clusters.
        theirs: of an own encoder's places, row by row.
        grid: rows and columns of places.
    """
    starts = _embedded(ours, theirs)
    blur = _blur(grid, starts.device)
    found = [improved(ours, theirs, _one_hot(start) @ blur) for start in starts]
    return max(found, key=lambda places: score(ours, theirs, places))


def improved(ours: Layouts, theirs: Layouts, start: Tensor) -> Tensor:
    """Frank-Wolfe from a doubly stochastic start ``(P, P)``; returns ``(P,)`` places."""
    place = start
    linear = ours.single.T @ theirs.single
    for _ in range(STEPS):
        slope = _slope(ours, theirs, place) + linear
        step = _one_hot(greatest_score(slope)) - place
        bend = float((_slope(ours, theirs, step) * step).sum()) / 2
        gain = float((slope * step).sum())
        if gain <= FLAT * max(1.0, abs(bend)):
            break
        length = 1.0 if bend >= 0 else min(1.0, -gain / (2 * bend))
        place = place + length * step
    return greatest_score(place)


def score(ours: Layouts, theirs: Layouts, places: Tensor) -> float:
    """How well layouts agree: what :func:`improved` maximises."""
    moved = theirs.pairs[:, places[:, None], places]
    pairs = float((ours.pairs * moved).sum())
    return pairs + float((ours.single * theirs.single[:, places]).sum())


def turns(grid: tuple[int, int]) -> list[Tensor]:
    """The symmetries of a grid, each ``(P,)`` int64: the place that each place moves to.

    The first leaves all as it is. A grid that is no square has four, a square has eight.
    """
    rows, columns = grid
    laid = torch.arange(rows * columns).view(grid)
    flat = [laid, laid.flip(1), laid.flip(0), laid.flip(0, 1)]
    if rows == columns:
        flat += [each.T for each in flat[:4]]
    return [each.flatten() for each in flat]


def _similarities(even: Tensor) -> tuple[Tensor, Tensor]:
    """``(C, P, P)`` likeness of places and ``(C, P)`` strength of each, by band."""
    pairs, single = [], []
    for first, last in BANDS:
        if first < even.shape[2]:
            band = even[..., first:last]
            products = torch.einsum("npk,nqk->pq", band, band) / len(band)
            power = products.diag().clamp_min(SMALLEST)
            pairs.append(_even(products / (power[:, None] * power).sqrt()))
            rows = power.log() - power.log().mean()
            single.append(rows / rows.square().mean().clamp_min(SMALLEST).sqrt())
    return torch.stack(pairs), torch.stack(single)


def _embedded(ours: Layouts, theirs: Layouts) -> Tensor:
    """``(S, P)`` starts: both sides' places in space, turned until they lie on each other."""
    found: dict[bytes, tuple[float, Tensor]] = {}
    for axes in AXES:
        left, right = (_coordinates(side.pairs.sum(dim=0), axes) for side in (ours, theirs))
        for order in itertools.permutations(range(min(3, axes))):
            for signs in itertools.product((1.0, -1.0), repeat=len(order)):
                turn = torch.eye(axes, device=left.device)
                turn[: len(order)] = 0
                for axis, (source, sign) in enumerate(zip(order, signs, strict=True)):
                    turn[axis, source] = sign
                places = _registered(left, right, turn)
                key = places.cpu().numpy().tobytes()
                found.setdefault(key, (score(ours, theirs, places), places))
    best = sorted(found.values(), key=lambda each: each[0], reverse=True)
    return torch.stack([places for _, places in best[:STARTS]])


def _registered(left: Tensor, right: Tensor, turn: Tensor) -> Tensor:
    """Places by alternating assignment and rotation of points ``(P, A)``."""
    places = greatest_score(left @ turn @ right.T)
    for _ in range(ALTERNATIONS):
        outer, _, inner = torch.linalg.svd(left.T @ right[places])
        after = greatest_score(left @ outer @ inner @ right.T)
        if torch.equal(after, places):
            break
        places = after
    return places


def _coordinates(similarity: Tensor, axes: int) -> Tensor:
    """``(P, axes)``: leading eigenvectors of the centred similarity, times root eigenvalues."""
    centred = similarity - similarity.mean(dim=0)
    centred = centred - centred.mean(dim=1, keepdim=True)
    values, vectors = torch.linalg.eigh((centred + centred.T) / 2)
    placed: Tensor = vectors.flip(1)[:, :axes] * values.flip(0)[:axes].clamp_min(0).sqrt()
    return placed


def _blur(grid: tuple[int, int], device: torch.device) -> Tensor:
    """``(P, P)``, rows and columns near one in total: a place spread over its neighbours."""
    rows, columns = (torch.arange(size, dtype=torch.float32) for size in grid)
    down = torch.exp(-(rows[:, None] - rows).square() / (2 * BLUR**2))
    right = torch.exp(-(columns[:, None] - columns).square() / (2 * BLUR**2))
    table = torch.kron(down / down.sum(1, keepdim=True), right / right.sum(1, keepdim=True))
    for _ in range(ALTERNATIONS):
        table = table / table.sum(0)
        table = table / table.sum(1, keepdim=True)
    return table.to(device)


def _one_hot(places: Tensor) -> Tensor:
    return torch.eye(len(places), device=places.device)[places]


def _slope(ours: Layouts, theirs: Layouts, place: Tensor) -> Tensor:
    """The gradient of the sum over channels of ``<ours, place · theirs · placeᵀ>``."""
    forward = ours.pairs @ (place @ theirs.pairs.transpose(1, 2))
    backward = ours.pairs.transpose(1, 2) @ (place @ theirs.pairs)
    return (forward + backward).sum(dim=0)


def _even(matrix: Tensor) -> Tensor:
    """Off-diagonal mean 0 and deviation 1, diagonal 0."""
    off = ~torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)
    values = matrix[off] - matrix[off].mean()
    out = torch.zeros_like(matrix)
    out[off] = values / values.square().mean().clamp_min(SMALLEST).sqrt()
    return out
