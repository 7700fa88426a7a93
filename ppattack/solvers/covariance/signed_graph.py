"""Signs of symbols from the signs of their correlations: neighbours are alike, complements opposed.

If every symbol is complemented or not by a fixed key, the correlation of two neighbours is positive
if both or neither are, and negative otherwise: a signed graph that the right signs
make positive throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from ppattack.solvers.covariance.moments import GridMoments

POLISHING_STEPS = 100


def neighbour_graph(moments: GridMoments) -> sparse.csr_matrix:
    """Signed cosines between all channels of a pixel and of its four neighbours.

    They are taken about the means, because channels have different means, which can lie on opposite
    sides of mid-grey. Means of few images are uncertain, so for N images only the part 1 - 1/√N of
    the mean is subtracted.

    Args:
        moments: of the ciphertexts, about mid-grey.

    Returns:
        ``(S, S)`` symmetric, symbols in the memory order of (C, H, W).
    """
    channels, height, width = moments.shape
    numbers = np.arange(channels * height * width).reshape(moments.shape)
    count = max(moments.count, 1)
    mean = moments.sum / np.sqrt(count) * (1 - count**-0.5) ** 0.5
    same = moments.products[0]
    norm = np.sqrt(np.stack([same[c, c] - mean[c] ** 2 for c in range(channels)]).clip(0))
    norm[norm == 0] = 1.0
    rows, columns, values = [], [], []
    for (down, right), products in zip(moments.STEPS, moments.products, strict=True):
        here = (slice(0, height - down), slice(0, width - right))
        there = (slice(down, height), slice(right, width))
        for c in range(channels):
            for d in range(c + 1 if (down, right) == (0, 0) else 0, channels):
                rows.append(numbers[c][here].ravel())
                columns.append(numbers[d][there].ravel())
                about_means = products[c, d] - mean[c][here] * mean[d][there]
                cosine = about_means / (norm[c][here] * norm[d][there])
                values.append(cosine.ravel())
    size = numbers.size
    edges = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    half = sparse.coo_matrix(edges, (size, size))
    return (half + half.T).tocsr()


def signs(graph: sparse.csr_matrix) -> NDArray[np.int8]:
    """The signs that make a signed graph as positive as possible, up to one common sign.

    They are carried along the spanning tree of the strongest edges and then settled by power
    iterations towards the leading eigenvector of the normalised graph.

    Args:
        graph: ``(S, S)`` symmetric, signed weights.

    Returns:
        ``(S,)`` of -1 and 1.
    """
    strength = abs(graph)
    tree = minimum_spanning_tree(-(strength > 0).astype(float) - strength)
    order, parents = breadth_first_order(tree + tree.T, 0, directed=False)
    vector = np.ones(graph.shape[0])
    edge = np.sign(np.asarray(graph[order[1:], parents[order[1:]]]).ravel())
    for node, sign in zip(order[1:], edge, strict=True):
        vector[node] = vector[parents[node]] * (sign or 1.0)
    degree = np.asarray(strength.sum(1)).ravel()
    scale = 1 / np.sqrt(np.maximum(degree, np.finfo(float).tiny))
    walk = sparse.diags(scale) @ graph @ sparse.diags(scale)
    vector *= np.sqrt(degree)
    for _ in range(POLISHING_STEPS):
        vector += walk @ vector
        vector /= np.abs(vector).max() or 1.0
    return np.where(vector < 0, -1, 1).astype(np.int8)


def agreement(graph: sparse.csr_matrix, found: NDArray[np.int8]) -> float:
    """How positive the signs make the graph: 1 if every edge is positive, about 0 by chance."""
    total = float(abs(graph).sum())
    return float(found @ (graph @ found.astype(float))) / total if total else 0.0
