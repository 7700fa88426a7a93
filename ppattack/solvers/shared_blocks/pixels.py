"""The order of a block's pixels once it is known which bytes belong to one pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.shared_blocks.assignment import MOST_ASSIGNED, nearly_least
from ppattack.solvers.shared_blocks.exchanges import by_pixels, changes
from ppattack.solvers.shared_blocks.models import Geometry, Misfit, Places, stationary
from ppattack.solvers.shared_blocks.statistics import Array, Single, Spectrum, correlations

FINE = (20, 30, 40, 50, 65, 80, 100, 130, 160)
"""Dimensions in which places are refined, one after the other."""
ROUNDS = 3
"""Rounds of fitting the model to the image, at most."""
MOST_EXCHANGES = 40
"""Rounds of exchanges, at most; in the first half of them many are made at once."""
WORTH = 0.01
"""Exchanges that gain less are not made."""
OWN_PUBLIC, OWN_RIDGE = 0.1, 0.05
"""Weight of public images, and of the identity, in the precision of the image's own model."""


class Cipher:
    """What is known of the cipher bytes of one key.

    Args:
        seen: ``(D, D)`` covariance of the cipher bytes.
        models: of plain blocks, the one of all public images first.
        geometry: of a block.
    """

    def __init__(self, seen: Array, models: list[Spectrum], geometry: Geometry) -> None:
        self.own, self.models, self.geometry = Spectrum(seen), models, geometry
        self.seen: Single = correlations(seen).astype(np.float32)
        self.misfit = Misfit(models[0], geometry)

    @cached_property
    def by_pixels(self) -> Single:
        """``(P, P, C * C)`` precisions of every two plain pixels."""
        return by_pixels(self.misfit.weights, self.geometry.channels)


@dataclass(frozen=True)
class Found:
    """An arrangement of a block's bytes.

    Args:
        at: ``(D,)``: the cipher byte at each plain place.
        misfit: under the model of all public images.
    """

    at: Places
    misfit: float


class Pixels:
    """Bytes grouped into pixels; an arrangement is the number of the pixel at each place.

    Args:
        cipher: what is known of the bytes.
        bytes_of: ``(C, P)``: the cipher byte of each channel of each pixel.
    """

    def __init__(self, cipher: Cipher, bytes_of: Places) -> None:
        self.cipher, self.bytes_of = cipher, bytes_of
        self.channels, self.count = bytes_of.shape
        order = bytes_of.reshape(-1)
        self.covariance = cipher.own.covariance.take(order, 0).take(order, 1)
        self.seen = cipher.seen.take(order, 0).take(order, 1)

    @cached_property
    def by_pixels(self) -> Single:
        """``(P, P, C * C)`` correlations of every two pixels."""
        return by_pixels(self.seen, self.channels)

    @cached_property
    def _points(self) -> Single:
        own = self.cipher.own.places()
        return own[self.bytes_of.reshape(-1)].reshape(self.channels, self.count, -1)

    def found(self, order: Places) -> Found:
        """An arrangement in its likeliest colour order."""
        return Found(
            *self.cipher.misfit.best(self.cipher.seen, self.bytes_of[:, order].reshape(-1))
        )

    def coloured(self, order: Places) -> Pixels:
        """The same pixels with channels in the likeliest order."""
        bytes_of = np.empty_like(self.bytes_of)
        bytes_of[:, order] = self.found(order).at.reshape(self.channels, -1)
        return Pixels(self.cipher, bytes_of)

    def _bytes(self, order: Places) -> Places:
        return np.asarray((np.arange(self.channels)[:, None] * self.count + order).reshape(-1))

    def model(self, order: Places, public: float) -> Spectrum:
        """The image's own model, if its pixels are in this order."""
        at = self._bytes(order)
        placed = self.covariance.take(at, 0).take(at, 1)
        cipher = self.cipher
        return stationary(
            placed,
            cipher.models[0].covariance,
            public,
            cipher.geometry,
            cipher.own.dimensions,
        )

    def fitted(self, order: Places, public: float, first: int) -> Places:
        """Refine an arrangement under models of the image itself.

        Args:
            order: ``(P,)``.
            public: weight of public images in the model.
            first: dimensions that are believed at first.
        """
        for _ in range(ROUNDS):
            goal = self.model(order, public).places()
            goal = goal.reshape(self.channels, self.count, -1)
            most = min(goal.shape[2], self._points.shape[2])
            moved = order
            for count in [k for k in FINE if min(first, most) <= k <= most] or [most]:
                moved = self._matched(moved, goal, count)
            if (moved == order).all():
                break
            order = moved
        return order

    def _matched(self, order: Places, goal: Single, count: int) -> Places:
        ours, theirs = self._points[:, order, :count], goal[:, :, :count]
        turn = rotation(ours.reshape(-1, count), theirs.reshape(-1, count))
        turned = self._points[:, :, :count] @ turn
        scores = np.tensordot(theirs, turned, axes=([0, 2], [0, 2]))
        if self.count > MOST_ASSIGNED:
            return nearly_least(-scores)
        return np.asarray(linear_sum_assignment(scores, maximize=True)[1])

    def exchanged(self, order: Places, weights: Single | None = None) -> Places:
        """Exchange pixels while that makes an arrangement likelier.

        Args:
            order: ``(P,)``.
            weights: ``(D, D)`` precisions of plain bytes; None: those of all public images.
        """
        wanted = self.cipher.by_pixels if weights is None else by_pixels(weights, self.channels)
        order = order.copy()
        for step in range(MOST_EXCHANGES):
            most = self.count // 8 if step < MOST_EXCHANGES // 2 else 1
            if not _exchange(order, self._changes(order, wanted) + WORTH, most):
                break
        return order

    def _changes(self, order: Places, wanted: Single) -> Single:
        return changes(self.by_pixels[order[:, None], order], wanted)

    def own_weights(self, order: Places) -> Single:
        """Precisions of plain bytes by the image's own model."""
        own = correlations(self.model(order, OWN_PUBLIC).covariance)
        values, vectors = np.linalg.eigh(own)
        values = (1 - OWN_RIDGE) * np.maximum(values, 0) + OWN_RIDGE
        return np.asarray(vectors / values @ vectors.T, dtype=np.float32)


def rotation(ours: Single, theirs: Single) -> Single:
    """The orthogonal matrix that brings points ``(D, k)`` nearest to others."""
    left, _, right = np.linalg.svd(ours.T @ theirs)
    return np.asarray(left @ right)


def _exchange(order: Places, change: Single | Array, most: int) -> bool:
    """Make the best exchanges, at most so many and each pixel once, in place; False if none gains.

    Args:
        order: ``(P,)``.
        change: ``(P, P)``, below 0 where an exchange is to be made.
        most: exchanges.
    """
    partner = change.argmin(1)
    gain = change[np.arange(len(order)), partner]
    taken: set[int] = set()
    for one in np.argsort(gain).tolist():
        other = int(partner[one])
        if gain[one] >= 0 or len(taken) >= 2 * most:
            break
        if one not in taken and other not in taken and one != other:
            order[[one, other]] = order[[other, one]]
            taken |= {one, other}
    return bool(taken)
