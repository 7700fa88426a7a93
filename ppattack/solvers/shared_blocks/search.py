"""The order of a block's bytes, by aligning the eigenvectors of two covariances.

Cipher bytes and plain places are points whose inner products are the covariances. A rotation
brings one cloud of points onto the other, up to the order of the points. Many random rotations in
three dimensions are refined with ever more dimensions by nearest neighbours; the best go on with
assignments; then the model is fitted to the image itself, which is what leads out of wrong optima.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack.solvers.shared_blocks.models import Geometry, Misfit, Places, stationary
from ppattack.solvers.shared_blocks.statistics import Array, Spectrum, correlations

FIRST = (4, 6)
"""Dimensions of the random rotations: few are easily hit, more say more."""
CHEAP = (4,) * 5 + (5,) * 5 + (6,) * 5 + (7, 8) * 3 + (9, 10) * 2 + (11, 12, 13, 14, 16, 18, 20)
"""Dimensions refined by soft assignments, in this order."""
SOFTNESS = 0.5
"""Squared distance at which a neighbour counts e times less than the nearest, in units of the mean
squared distance of the nearest."""
COSTLY = (25, 30, 40, 50, 65, 80, 100)
"""Dimensions refined by assignments."""
FINE = (20, 25, 30, 40, 50, 65, 80, 100, 130, 160)
"""Likewise, once the model is the image's own."""
STARTS = 8
"""Random rotations for each model and number of dimensions in the first round; twice as many in
each further one."""
MOST_POINTS = 256
"""Cipher bytes, drawn at random, whose places refine a rotation; assignments use all."""
REFITS = 2
"""Rounds of fitting the model to the image."""
PUBLIC = 0.3
"""Weight of public photographs in a model fitted to the image."""
HOPS = ((5, 0.1), (5, 0.1), (6, 0.3), (8, 0.1), (5, 0.6), (12, 0.3))
"""Dimensions that are turned at random, and how far, to leave a wrong optimum."""
SAME = 0.5
"""Misfits this near are of one arrangement."""
RETURNS = 4
"""Hops that must come back to the best arrangement before it is believed."""
MOST_ROUNDS = 5
"""Rounds of fresh starts, at most."""
HOPS_A_ROUND = 6
"""Hops in the first round; as many more in each further one."""


@dataclass(frozen=True)
class Found:
    """An arrangement of a block's bytes.

    Args:
        at: ``(D,)``: the cipher byte at each plain place.
        misfit: under the model of all public images.
    """

    at: Places
    misfit: float


@dataclass(frozen=True)
class Outcome:
    """What the search ended with.

    Args:
        found: the likeliest arrangement.
        agreed: how many rounds of fresh starts came to it.
        rounds: how many there were.
        stable: whether enough hops came back to it.
    """

    found: Found
    agreed: int
    rounds: int
    stable: bool


class Search:
    """Arranges the bytes of one ciphertext's blocks, or of several under one key.

    Args:
        seen: ``(D, D)`` covariance of the cipher bytes.
        models: of plain blocks, the one of all public images first.
        geometry: of a block.
        rng: draws rotations.
        rounds: of fresh starts, at most.
    """

    def __init__(
        self,
        seen: Array,
        models: Sequence[Spectrum],
        geometry: Geometry,
        rng: np.random.Generator,
        rounds: int = MOST_ROUNDS,
    ) -> None:
        self._rounds = rounds
        self._own, self._models, self._geometry, self._rng = Spectrum(seen), models, geometry, rng
        self._seen = correlations(seen)
        self._misfit = Misfit(models[0], geometry)

    def run(self, tick: Callable[[int], None] = lambda done: None) -> Outcome:
        """Start afresh until two rounds agree and hops come back; the likeliest arrangement of all.

        Args:
            tick: is told how many rounds are done.
        """
        pool: list[Found] = []
        ends: list[Found] = []
        stable = False
        for done in range(self._rounds):
            fresh = [
                self._fitted(rough)
                for model in self._models
                for rough in self._started(model, STARTS << done)
            ]
            end, returned = self._explored(fresh, HOPS_A_ROUND * (done + 1))
            ends.append(end)
            before = min(pool, key=_by_misfit).misfit if pool else np.inf
            pool.append(end)
            best = min(pool, key=_by_misfit)
            stable = (
                returned
                if best.misfit < before - SAME
                else stable or (returned and end.misfit < best.misfit + SAME)
            )
            agreed = sum(each.misfit < best.misfit + SAME for each in ends)
            tick(done + 1)
            if agreed > 1 and stable:
                break
        return Outcome(best, agreed, len(ends), stable)

    def _explored(self, fresh: Sequence[Found], hops: int) -> tuple[Found, bool]:
        """The best arrangement after hops, and whether enough of them came back to it."""
        pool = sorted(fresh, key=_by_misfit)[:8]
        returns = 0
        for hop in range(hops):
            start = pool[0] if self._rng.random() < 0.7 else pool[self._rng.integers(len(pool[:4]))]
            made = self._hopped(start, *HOPS[hop % len(HOPS)])
            if made.misfit < pool[0].misfit - SAME:
                returns = 0
            elif made.misfit < pool[0].misfit + SAME:
                returns += 1
            pool = sorted([*pool, made], key=_by_misfit)[:8]
            if returns >= RETURNS:
                break
        return pool[0], returns >= RETURNS

    def _started(self, model: Spectrum, starts: int) -> list[Places]:
        """The best of random rotations in each number of dimensions, after assignments."""
        size, found = self._geometry.size, []
        for first in FIRST:
            rotations = _orthogonal(self._rng, starts, first)
            steps = [each for each in _below(CHEAP, size) if each >= first]
            rotation = self._climbed(model, rotations, steps)
            found.append(self._assigned(model, rotation, _below(COSTLY, size)))
        return found

    def _climbed(self, model: Spectrum, rotations: Array, dimensions: Sequence[int]) -> Array:
        """Refine rotations ``(S, k, k)`` by soft assignments in both directions; the best."""
        size = self._geometry.size
        points = np.sort(self._rng.choice(size, min(size, MOST_POINTS), replace=False))
        most = max([*dimensions, rotations.shape[1]])
        return _refined(self._own.places(most)[points], model.places(most), rotations, dimensions)

    def _assigned(self, model: Spectrum, rotation: Array, dimensions: Sequence[int]) -> Places:
        """Refine a rotation by one-to-one assignments; the cipher byte at each plain place."""
        at = _matched(self._own, model, rotation)
        for count in dimensions:
            rotation = _rotation(self._own.places(count)[at], model.places(count))
            at = _matched(self._own, model, rotation)
        return at

    def _fitted(self, at: Places, weight: float = PUBLIC, rounds: int = REFITS) -> Found:
        """Refine an arrangement under models of the image itself."""
        best, misfit = self._misfit.best(self._seen, at)
        for _ in range(rounds):
            own = self._own.covariance[np.ix_(best, best)]
            model = stationary(own, self._models[0].covariance, weight, self._geometry)
            count = min(16, self._geometry.size - 1)
            rotation = _rotation(self._own.places(count)[best], model.places(count))
            moved = self._assigned(model, rotation, _below(FINE, self._geometry.size))
            other, found = self._misfit.best(self._seen, moved)
            if found >= misfit:
                break
            best, misfit = other, found
        return Found(best, misfit)

    def _hopped(self, start: Found, turned: int, size: float) -> Found:
        """A new arrangement from one whose leading directions are turned at random."""
        weight = float(self._rng.choice([0.1, 0.3, 0.6]))
        own = self._own.covariance[np.ix_(start.at, start.at)]
        model = stationary(own, self._models[0].covariance, weight, self._geometry)
        turned = min(turned, self._geometry.size - 1)
        rotation = _rotation(self._own.places(turned)[start.at], model.places(turned))
        noise = np.eye(turned) + size * self._rng.standard_normal((turned, turned))
        rotation = rotation @ np.linalg.qr(noise)[0]
        cheap = [each for each in _below(CHEAP, self._geometry.size) if each > turned]
        rotation = self._climbed(model, rotation[None], cheap)
        moved = self._assigned(model, rotation, _below(FINE, self._geometry.size))
        return self._fitted(moved, weight, 1)


def _by_misfit(found: Found) -> float:
    return found.misfit


def _below(dimensions: Sequence[int], size: int) -> list[int]:
    return [each for each in dimensions if each < size]


def _orthogonal(rng: np.random.Generator, count: int, size: int) -> Array:
    """``(count, size, size)`` uniformly random orthogonal matrices."""
    q, r = np.linalg.qr(rng.standard_normal((count, size, size)))
    return np.asarray(q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :])


def _rotation(ours: Array, theirs: Array) -> Array:
    """The orthogonal matrix that brings points ``(D, k)`` nearest to others."""
    left, _, right = np.linalg.svd(ours.T @ theirs)
    return np.asarray(left @ right)


def _matched(own: Spectrum, model: Spectrum, rotation: Array) -> Places:
    """The cipher byte at each plain place, one to one."""
    count = len(rotation)
    scores = model.places(count) @ (own.places(count) @ rotation).T
    return np.asarray(linear_sum_assignment(scores, maximize=True)[1])


def _refined(own: Array, goal: Array, rotations: Array, dimensions: Sequence[int]) -> Array:
    """The best of several rotations, each refined with ever more dimensions.

    Args:
        own: ``(P, K)``, points to be turned.
        goal: ``(D, K)``, where they belong, in an order to be found.
        rotations: ``(S, k, k)``.
        dimensions: to refine with, one after the other, K the last.
    """
    ours, theirs = torch.from_numpy(own).float(), torch.from_numpy(goal).float()
    turned = torch.from_numpy(rotations).float()
    for count in dimensions:
        distances = _distances(ours, theirs, turned)
        unit = SOFTNESS * distances.amin(dim=2).mean(dim=1)[:, None, None]
        weights = torch.softmax(-distances / unit, 2) + torch.softmax(-distances / unit, 1)
        left, _, right = torch.linalg.svd(ours[:, :count].T @ (weights @ theirs[:, :count]))
        turned = left @ right
    distances = _distances(ours, theirs, turned)
    misfits = distances.amin(dim=2).mean(dim=1) + distances.amin(dim=1).mean(dim=1)
    return np.asarray(turned[int(misfits.argmin())].double().numpy())


def _distances(ours: Tensor, theirs: Tensor, turned: Tensor) -> Tensor:
    """``(S, D, D)`` squared distances of turned points from others."""
    now = turned.shape[1]
    first, second = ours[:, :now] @ turned, theirs[:, :now]
    far = (first**2).sum(2)[:, :, None] + (second**2).sum(1)
    return (far - 2 * first @ second.T).clamp_(min=0)
