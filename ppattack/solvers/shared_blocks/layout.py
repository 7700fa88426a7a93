"""Pixels of a block laid out in the plane by how much they differ from each other.

Neighbours differ least. Sums of small differences along the shortest ways between pixels are
distances in the block, which multidimensional scaling turns into a layout (isometric mapping). Its
shape is that of the block whichever way it is turned, so that no wrong turn is locked in.

Reference: J. B. Tenenbaum, V. de Silva, J. C. Langford: A Global Geometric Framework for
Nonlinear Dimensionality Reduction. Science 290, 2000, pp. 2319-2323.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path

from ppattack.solvers.shared_blocks.models import Geometry, Places
from ppattack.solvers.shared_blocks.statistics import Array, leading

STRESS_STEPS = 20
"""Steps of stress majorisation."""
ANGLES = 6
"""Angles of a layout that are tried, in a quarter turn."""
NEAREST = 3
"""Nearest pixels whose median difference is that of neighbours."""


def differences(covariance: Array, dimensions: int, channels: int) -> Array:
    """``(P, P)`` mean squared differences of pixels in the leading eigenvectors of a covariance.

    Args:
        covariance: ``(D, D)``, channels first.
        dimensions: how many eigenvectors are kept; the others are noise if blocks are few.
        channels: of a pixel.
    """
    values, vectors = leading(covariance, dimensions)
    points = (vectors * np.sqrt(np.maximum(values, 0))).reshape(channels, -1, dimensions)
    lines = points.transpose(1, 0, 2).reshape(points.shape[1], -1).astype(np.float64)
    squares = (lines**2).sum(1)
    return np.asarray(np.maximum((squares[:, None] + squares - 2 * lines @ lines.T) / channels, 0))


def curve(public: Array, dimensions: int, geometry: Geometry) -> tuple[Array, Array]:
    """Distances, pixels, and how much public pixels that far apart differ, rising."""
    found = differences(public, dimensions, geometry.channels)
    row, column = np.divmod(np.arange(geometry.edge**2), geometry.edge)
    squared = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    counts, sums = (
        np.bincount(squared.reshape(-1)),
        np.bincount(squared.reshape(-1), found.reshape(-1)),
    )
    there = np.flatnonzero(counts)
    return np.sqrt(there), np.maximum.accumulate(sums[there] / counts[there])


def distances(differing: Array, rising: tuple[Array, Array], neighbours: int) -> Array:
    """``(P, P)`` distances along the shortest ways from neighbour to neighbour."""
    far, most = rising
    size = len(differing)
    others = differing + np.diag(np.full(size, np.inf))
    unit = np.median(np.sort(others, 1)[:, :NEAREST]) / most[1]
    steps = np.maximum(np.interp(differing / max(unit, 1e-12), most, far), 1e-3)
    near = np.argsort(others, 1)[:, :neighbours]
    linked = np.zeros((size, size), bool)
    linked[np.arange(size)[:, None], near] = True
    if connected_components(csr_matrix(linked), directed=False)[0] > 1:
        linked |= minimum_spanning_tree(csr_matrix(steps * (1 - np.eye(size)))).toarray() > 0
    linked |= linked.T
    return np.asarray(shortest_path(csr_matrix(np.where(linked, steps, 0)), directed=False))


def plane(far: Array, *, majorise: bool = True) -> Array:
    """``(P, 2)``: points in the plane whose distances are nearest to those wanted."""
    squared = far**2
    centred = squared - squared.mean(0)
    centred = -0.5 * (centred - centred.mean(1, keepdims=True))
    values, vectors = np.linalg.eigh(centred)
    points = np.asarray(vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 1e-9)))
    return _majorised(points, far) if majorise else points


def _majorised(points: Array, far: Array) -> Array:
    """Points moved so that near distances are right rather than far ones."""
    weights = 1 / np.maximum(far, 0.5) ** 2
    np.fill_diagonal(weights, 0)
    inverse = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    for _ in range(STRESS_STEPS):
        squares = (points**2).sum(1)
        now = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 1e-12))
        pull = -weights * far / now
        np.fill_diagonal(pull, 0)
        np.fill_diagonal(pull, -pull.sum(1))
        points = inverse @ (pull @ points)
    return points


def on_grid(points: Array, edge: int) -> Places:
    """``(P,)``: the point at each place of a square, turned and stretched to fit it best."""
    row, column = np.divmod(np.arange(edge**2), edge)
    goal = np.stack([row, column], 1) - (edge - 1) / 2
    goal = goal / goal.std(0)
    best, least = np.arange(edge**2), np.inf
    round_points = _rounded(points)
    for angle in np.arange(ANGLES) * (np.pi / 2 / ANGLES):
        cosine, sine = np.cos(angle), np.sin(angle)
        moved = round_points @ np.array([[cosine, -sine], [sine, cosine]])
        for _ in range(2):
            at = _nearest(moved, goal)[0]
            affine = np.column_stack([moved, np.ones(len(moved))])
            moved = affine @ np.linalg.lstsq(affine[at], goal, rcond=None)[0]
        at, cost = _nearest(moved, goal)
        if cost < least:
            best, least = at, cost
    return best


def _rounded(points: Array) -> Array:
    """Points that spread alike in all directions."""
    centred = points - points.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(points))
    return np.asarray(centred @ vectors / np.sqrt(np.maximum(values, 1e-12)) @ vectors.T)


def _nearest(points: Array, goal: Array) -> tuple[Places, float]:
    far = ((goal[:, None] - points) ** 2).sum(2)
    at = linear_sum_assignment(far)[1]
    return at, float(far[np.arange(len(at)), at].sum())
