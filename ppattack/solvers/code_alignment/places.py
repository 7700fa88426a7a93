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

from ppattack.solvers.matching.assignment import greatest_score

BANDS = ((0, 1), (1, 3), (3, 6), (6, 12), (12, 24))
"""Ranges of components whose similarities are added up: components of one range are about equally
strong, so that keys rank them differently."""
FLAT_PATCH = 0.1
"""Contrast below which a patch counts as flat, in shares of the mean."""
AXES = (3, 5)
"""Leading eigenvectors of the similarity that place the clusters in space."""
ALTERNATIONS = 12
STARTS = 10
BLUR = 1.5
"""Places over which a start is blurred before Frank-Wolfe."""
STEPS = 40
EXCHANGES = 8
"""Most exchanges, by place."""
POLISHED = 3
"""The best layouts that Frank-Wolfe led to; each is then improved as long as anything helps."""
LEAST, MOST = 0.02, 0.98
"""Correlations between keys are taken to lie between these."""
FLAT = 1e-9
WORTH = 1e-6
"""Least gain of an exchange, in shares of the score: below it are rounding errors."""
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
        return cls(*_similarities(_of_equal_patches(components)))

    def weighted(self, weights: Weights) -> Layouts:
        """The same, each channel times the root of its weight: both sides together give it once."""
        pairs, single = (each.sqrt() for each in weights)
        return Layouts(self.pairs * pairs[:, None, None], self.single * single[:, None])


Weights = tuple[Tensor, Tensor]
"""``(C,)`` for similarities of pairs, ``(C,)`` for what is known of single places."""


def weights_between(first: Layouts, second: Layouts) -> Weights:
    """How much channels count, from how well they agree between two keys and sets of images.

    If a channel correlates by r, its product tells a layout from another with a weight of
    ``r / (1 - r²)``, the logarithm of the likelihood of two normal variables.

    Args:
        first: places in some order.
        second: in the same order, under another key.
    """
    places = first.single.shape[1]
    pairs = (first.pairs * second.pairs).sum(dim=(1, 2)) / max(1, places * (places - 1))
    single = (first.single * second.single).mean(dim=1)
    found = [each.clamp(LEAST, MOST) for each in (pairs, single)]
    return found[0] / (1 - found[0].square()), found[1] / (1 - found[1].square())


def best_layout(ours: Layouts, theirs: Layouts, weights: Weights, grid: tuple[int, int]) -> Tensor:
    """``(P,)`` int64: the patch that each cluster shows, up to the mirror image of the grid.

    Channels that keys agree on find the places. The turn is told by what is weaker: all channels
    alike decide it.

    Args:
        ours: of the victims' clusters.
        theirs: of own places, row by row.
        weights: of the channels.
        grid: rows and columns of places.
    """
    left, right = ours.weighted(weights), theirs.weighted(weights)
    places = find_places(left, right, grid)
    turned = [exchanged(left, right, turn.to(places.device)[places]) for turn in turns(grid)]
    return max(turned, key=lambda each: score(ours, theirs, each))


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
    found.sort(key=lambda places: score(ours, theirs, places), reverse=True)
    polished = [settled(ours, theirs, places, grid) for places in found[:POLISHED]]
    return max(polished, key=lambda places: score(ours, theirs, places))


def settled(ours: Layouts, theirs: Layouts, places: Tensor, grid: tuple[int, int]) -> Tensor:
    """Exchanges, then Frank-Wolfe from the layout blurred anew, as long as that raises the score.

    Exchanges cannot mend a row of places of which each stands where its neighbour belongs.
    """
    blur = _blur(grid, places.device)
    places = exchanged(ours, theirs, places)
    while True:
        after = exchanged(ours, theirs, improved(ours, theirs, _one_hot(places) @ blur))
        reached = score(ours, theirs, places)
        if score(ours, theirs, after) - reached <= WORTH * abs(reached):
            return places
        places = after


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


def exchanged(ours: Layouts, theirs: Layouts, places: Tensor) -> Tensor:
    """Exchange two places while that raises the score, always the two of the greatest gain.

    Args:
        ours: of the victims' clusters.
        theirs: of an own encoder's places.
        places: ``(P,)`` to start from.
    """
    rows = torch.arange(len(places), device=places.device)
    linear = ours.single.T @ theirs.single
    moved = theirs.pairs[:, places[:, None], places]
    products = torch.einsum("cij,ckj->ik", ours.pairs, moved)  # if i stood where k stands
    for _ in range(EXCHANGES * len(places)):
        gains = 2 * (products + products.T - products.diag()[:, None] - products.diag())
        gains += 4 * (ours.pairs * moved).sum(dim=0)
        single = linear[rows[:, None], places]
        gains += single + single.T - single.diag()[:, None] - single.diag()
        one, other = divmod(int(gains.fill_diagonal_(0).argmax()), len(places))
        if float(gains[one, other]) <= WORTH * max(1.0, abs(float(products.diag().sum()))):
            break
        ours_apart = ours.pairs[:, :, one] - ours.pairs[:, :, other]
        theirs_apart = moved[:, :, other] - moved[:, :, one]
        products = products + ours_apart.T @ theirs_apart
        swap = rows.clone()
        swap[[one, other]] = swap[[other, one]]
        products, places = products[:, swap], places[swap]
        moved = moved[:, swap[:, None], swap]
    return places


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


def _of_equal_patches(components: Tensor) -> Tensor:
    """Brightness in units of the image's deviation, the rest in units of the patch's.

    So neither the few images of most contrast decide, nor the few patches.
    """
    bright, rest = components[..., :1], components[..., 1:]
    level = bright.square().mean(dim=(1, 2), keepdim=True).clamp_min(SMALLEST).sqrt()
    power = rest.square().mean(dim=2, keepdim=True)
    contrast = (power + FLAT_PATCH * power.mean()).clamp_min(SMALLEST).sqrt()
    return torch.cat([bright / level, rest / contrast], dim=2)


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
    for axes in sorted({min(axes, ours.pairs.shape[1]) for axes in AXES}):
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
    lines = [torch.arange(size, dtype=torch.float32) for size in grid]
    down, right = (torch.exp(-(x[:, None] - x).square() / (2 * BLUR**2)) for x in lines)
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
