"""What bytes of plain blocks have in common: of photographs, of kinds of them, of one image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import COLOUR_ORDERS, dihedral_table
from ppattack.solvers.shared_blocks.statistics import (
    MOST_DIMENSIONS,
    Array,
    Single,
    Spectrum,
    contents,
    correlations,
    covariance,
    lines,
)

Places = NDArray[np.intp]
SMALL = 64
"""Pixels of a small block, at most."""
KINDS = 8
"""Kinds of photographs, by how their blocks vary, that have a model each."""
ENERGIES = 24
"""Leading eigenvectors by whose energies photographs are sorted into kinds."""
FEWEST_OF_A_KIND = 12
"""Photographs that a kind must have for a model of its own."""
MOST_SORTED = 800
"""Photographs that are sorted into kinds, at most, evenly spread."""
RIDGE = 0.1
"""Weight of the identity in correlations before they are inverted."""


@dataclass(frozen=True)
class Geometry:
    """A block: ``channels`` squares of ``edge`` pixels, its bytes channels first."""

    channels: int
    edge: int

    @property
    def size(self) -> int:
        """Bytes of a block."""
        return self.channels * self.edge**2

    @property
    def small(self) -> bool:
        """Whether searches are cheap and few bytes tell a right end from a wrong one."""
        return self.edge**2 <= SMALL

    @cached_property
    def turns(self) -> Places:
        """``(8, D)``: where each byte comes from if a block is turned or mirrored."""
        return np.stack([_in_all_channels(each, self) for each in dihedral_table(self.edge)])

    @cached_property
    def states(self) -> Places:
        """``(S, D)``: likewise, with the channels in every order too."""
        if self.channels != len(COLOUR_ORDERS[0]):
            return self.turns
        pixels = self.edge**2
        orders = [
            (order[:, None] * pixels + np.arange(pixels)).reshape(-1) for order in COLOUR_ORDERS
        ]
        return np.stack([turn[order] for order in orders for turn in self.turns])

    @cached_property
    def swirls(self) -> Places:
        """``(K, D)``: likewise, if rings of pixels go round by one pixel or two.

        They are the outermost rings, one or more, or the innermost: the others stay.
        """
        rings = rings_of(np.arange(self.edge**2).reshape(self.edge, self.edge))
        outer = [rings[:last] for last in range(1, len(rings) + 1)]
        inner = [rings[first:] for first in range(1, len(rings))]
        found = []
        for together in (*outer, *inner):
            for step in (1, -1, 2, -2):
                pixels = np.arange(self.edge**2)
                for ring in together:
                    pixels[ring] = np.roll(ring, step)
                found.append(pixels)
        return np.stack([_in_all_channels(each, self) for each in found])

    @cached_property
    def folds(self) -> Places:
        """``(K, D)``: likewise, if some rows or columns, from a side on, are in reverse order."""
        grid = np.arange(self.edge**2).reshape(self.edge, self.edge)
        found = []
        for turn in range(4):
            turned = np.rot90(grid, turn)
            for count in range(2, self.edge):
                folded = np.concatenate([turned[:count][::-1], turned[count:]])
                found.append(np.rot90(folded, -turn).reshape(-1))
        moved = [_in_all_channels(each, self) for each in found]
        return np.array(moved, dtype=np.intp).reshape(-1, self.size)  # none if blocks are tiny

    @cached_property
    def steps(self) -> Places:
        """``(D, D)``: a number for each pair of bytes, the same for the same step and channels."""
        row, column = np.divmod(np.tile(np.arange(self.edge**2), self.channels), self.edge)
        channel = np.repeat(np.arange(self.channels), self.edge**2)
        wide = 2 * self.edge - 1
        down = row[:, None] - row + self.edge - 1
        right = column[:, None] - column + self.edge - 1
        pair = channel[:, None] * self.channels + channel
        return np.asarray((down * wide + right) * self.channels**2 + pair)


def _in_all_channels(pixels: Places, geometry: Geometry) -> Places:
    """``(D,)``: an order of pixels ``(P,)`` for the bytes of every channel."""
    first = geometry.edge**2 * np.arange(geometry.channels)
    return np.asarray((first[:, None] + pixels).reshape(-1))


def rings_of(part: Places) -> list[Places]:
    """The numbers of a rectangle from its border inwards, each ring in the order of a walk."""
    found, (high, wide) = [], part.shape
    for inside in range(min(high, wide) // 2):
        walk = part[inside : high - inside, inside : wide - inside]
        ends = [walk[0, :-1], walk[:-1, -1], walk[-1, :0:-1], walk[:0:-1, 0]]
        found.append(np.concatenate(ends))
    return found


def public_models(images: Tensor, geometry: Geometry, seed: int = 0) -> list[Spectrum]:
    """Models of plain blocks: of all public images, then of kinds of them.

    Args:
        images: ``(M, C, H, W)`` uint8, H and W multiples of the block.
        geometry: of a block.
        seed: of the grouping.
    """
    whole = turned(covariance(lines(images, geometry.edge)), geometry)
    models = [Spectrum(whole)]
    kinds = min(KINDS, len(images) // FEWEST_OF_A_KIND)
    if kinds < 2:
        return models
    leading = models[0].places(ENERGIES)
    leading = leading / (np.linalg.norm(leading, axis=0) + 1e-12)
    chosen = images[:: -(-len(images) // MOST_SORTED)]
    energies = [((_of_one(image, geometry) @ leading) ** 2).mean(0) for image in chosen]
    for members in _grouped(np.log(np.stack(energies) + 1e-6), kinds, seed):
        if len(members) >= FEWEST_OF_A_KIND // 2:
            rows = np.concatenate([_of_one(chosen[member], geometry) for member in members])
            models.append(Spectrum(turned(rows.T @ rows / len(rows), geometry)))
    return models


def _of_one(image: Tensor, geometry: Geometry) -> Array:
    return contents(lines(image[None], geometry.edge))


def _grouped(features: Array, count: int, seed: int) -> list[Places]:
    """Rows in groups of alike ones."""
    from scipy.cluster.vq import kmeans2

    scaled = (features - features.mean(0)) / (features.std(0) + 1e-9)
    labels = kmeans2(scaled, count, minit="++", seed=seed)[1]
    return [np.flatnonzero(labels == k) for k in range(count)]


def turned(found: Array, geometry: Geometry) -> Array:
    """A covariance averaged over turned and mirrored blocks."""
    return np.asarray(np.mean([found[np.ix_(turn, turn)] for turn in geometry.turns], axis=0))


def stationary(
    placed: Array,
    public: Array,
    weight: float,
    geometry: Geometry,
    most: int = MOST_DIMENSIONS,
) -> Spectrum:
    """A model of the image itself: bytes one step apart vary alike everywhere in a block.

    Differences between bytes are averaged over all pairs with the same step and channels. As in
    a variogram, a block's mean cancels.

    Args:
        placed: ``(D, D)`` covariance of the ciphertext's bytes at the places believed in.
        public: the public model's.
        weight: of the public model, 0 to 1.
        geometry: of a block.
        most: eigenvectors of the model, at most.
    """
    own, theirs = _differences(placed), _differences(public)
    steps = geometry.steps.reshape(-1)
    counts = np.bincount(steps)
    sums = np.bincount(steps, own.reshape(-1))
    mean = (sums / np.maximum(counts, 1))[geometry.steps]
    mixed = (1 - weight) * mean + weight * theirs * (mean.mean() / theirs.mean())
    centred = mixed - mixed.mean(0)
    return Spectrum(-0.5 * (centred - centred.mean(1, keepdims=True)), most)


def _differences(found: Array) -> Array:
    """``(D, D)`` mean squared differences, from a covariance."""
    own = found.diagonal()
    return np.asarray(own[:, None] + own - 2 * found)


class Misfit:
    """How unlikely an arrangement of a block's bytes is under a model.

    Args:
        model: the plain blocks', the same if blocks are turned or mirrored.
        geometry: of a block.
    """

    def __init__(self, model: Spectrum, geometry: Geometry) -> None:
        plain = correlations(model.covariance)
        regular = (1 - RIDGE) * plain + RIDGE * np.eye(len(plain))
        self.weights: Single = np.asarray(np.linalg.inv(regular), dtype=np.float32)
        self._channels, self._pixels = geometry.channels, geometry.edge**2
        self._by_channels = self._pairs(self.weights)
        three = self._channels == len(COLOUR_ORDERS[0])
        self._orders = list(COLOUR_ORDERS) if three else [np.arange(self._channels)]

    def _pairs(self, of: Single) -> Single:
        """A matrix over bytes as one line for each pair of channels."""
        by_channels = of.reshape(self._channels, self._pixels, self._channels, self._pixels)
        return by_channels.transpose(0, 2, 1, 3).reshape(self._channels**2, -1)

    def of(self, seen: Single, at: Places) -> float:
        """Twice the negative log-likelihood a block, up to a constant.

        Args:
            seen: ``(D, D)`` correlations of the cipher bytes.
            at: ``(D,)``: the cipher byte at each plain place.
        """
        return float(np.vdot(seen.take(at, 0).take(at, 1), self.weights))

    def best(self, seen: Single, at: Places) -> tuple[Places, float]:
        """The likeliest colour order of an arrangement, and its misfit."""
        count = self._channels
        table = self._pairs(seen.take(at, 0).take(at, 1)) @ self._by_channels.T
        table = table.reshape((count,) * 4)
        each = np.arange(count)
        costs = [
            float(table[o[:, None], o, each[:, None], each].astype(np.float64).sum())
            for o in self._orders
        ]
        best = int(np.argmin(costs))
        return at.reshape(count, -1)[self._orders[best]].reshape(-1), costs[best]
