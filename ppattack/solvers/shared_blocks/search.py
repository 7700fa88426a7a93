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
STARTS = 64
"""Random rotations for each model and number of dimensions."""
KEPT = 2
"""Of which so many are refined further."""
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
MOST_SEARCHES, MOST_HOPS = 4, 24
"""Separate searches, and hops in each, at most."""


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
        agreed: how many separate searches came to it.
        searches: how many there were.
        stable: whether enough hops came back to it.
    """

    found: Found
    agreed: int
    searches: int
    stable: bool


class Search:
    """Arranges the bytes of one ciphertext's blocks, or of several under one key.

    Args:
        seen: ``(D, D)`` covariance of the cipher bytes.
        models: of plain blocks, the one of all public images first.
        geometry: of a block.
        rng: draws rotations.
    """

    def __init__(
        self,
        seen: Array,
        models: Sequence[Spectrum],
        geometry: Geometry,
        rng: np.random.Generator,
    ) -> None:
        self._own, self._models, self._geometry, self._rng = Spectrum(seen), models, geometry, rng
        self._seen = correlations(seen)
        self._misfit = Misfit(models[0], geometry)

    def run(self, tick: Callable[[int], None] = lambda done: None) -> Outcome:
        """Search afresh until two searches agree and hops come back; the likeliest of all.

        Args:
            tick: is told how many searches are done.
        """
        ends: list[tuple[Found, bool]] = []
        for done in range(MOST_SEARCHES):
            ends.append(self._once())
            tick(done + 1)
            best = min((found for found, _ in ends), key=lambda each: each.misfit)
            same = [stable for found, stable in ends if found.misfit < best.misfit + SAME]
            if len(same) > 1 and any(same):
                break
        return Outcome(best, len(same), len(ends), any(same))

    def _once(self) -> tuple[Found, bool]:
        """One search from fresh starts."""
        pool = []
        for model in self._models:
            pool += [self._fitted(rough) for rough in self._started(model)]
        pool.sort(key=lambda each: each.misfit)
        returns = 0
        for hop in range(MOST_HOPS):
            start = pool[0] if self._rng.random() < 0.7 else pool[self._rng.integers(len(pool[:4]))]
            made = self._hopped(start, *HOPS[hop % len(HOPS)])
            if made.misfit < pool[0].misfit - SAME:
                returns = 0
            elif made.misfit < pool[0].misfit + SAME:
                returns += 1
            pool = sorted([*pool, made], key=lambda each: each.misfit)[:8]
            if returns >= RETURNS:
                break
        return pool[0], returns >= RETURNS

    def _started(self, model: Spectrum) -> list[Places]:
        """The best of many random rotations, after assignments."""
        size, found = self._geometry.size, []
        for first in FIRST:
            rotations = _orthogonal(self._rng, STARTS, first)
            steps = [each for each in _below(CHEAP, size) if each >= first]
            for rotation in _climbed(self._own, model, rotations, steps, KEPT):
                found.append(self._assigned(model, rotation, _below(COSTLY, size)))
        return found

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
        (rotation,) = _climbed(self._own, model, rotation[None], cheap, 1)
        moved = self._assigned(model, rotation, _below(FINE, self._geometry.size))
        return self._fitted(moved, weight, 1)


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


def _climbed(
    own: Spectrum, model: Spectrum, rotations: Array, dimensions: Sequence[int], kept: int
) -> list[Array]:
    """Refine rotations by soft assignments in both directions, and keep the best.

    Args:
        own: of the cipher bytes.
        model: of the plain places.
        rotations: ``(S, k, k)``.
        dimensions: to refine with, one after the other.
        kept: how many to keep.

    Returns:
        ``(K, K)`` each, K the last of the dimensions, the best first.
    """
    ours = torch.from_numpy(own.places(max([*dimensions, rotations.shape[1]]))).float()
    theirs = torch.from_numpy(model.places(ours.shape[1])).float()
    turned = torch.from_numpy(rotations).float()
    for count in dimensions:
        distances = _distances(ours, theirs, turned)
        unit = SOFTNESS * distances.amin(dim=2).mean(dim=1)[:, None, None]
        weights = torch.softmax(-distances / unit, 2) + torch.softmax(-distances / unit, 1)
        left, _, right = torch.linalg.svd(ours[:, :count].T @ (weights @ theirs[:, :count]))
        turned = left @ right
    distances = _distances(ours, theirs, turned)
    misfits = distances.amin(dim=2).sum(dim=1) + distances.amin(dim=1).sum(dim=1)
    return [turned[int(i)].double().numpy() for i in misfits.argsort()[:kept]]


def _distances(ours: Tensor, theirs: Tensor, turned: Tensor) -> Tensor:
    """``(S, D, D)`` squared distances of turned points from others."""
    now = turned.shape[1]
    first, second = ours[:, :now] @ turned, theirs[:, :now]
    far = (first**2).sum(2)[:, :, None] + (second**2).sum(1)
    return (far - 2 * first @ second.T).clamp_(min=0)
