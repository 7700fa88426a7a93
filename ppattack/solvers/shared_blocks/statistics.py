"""Blocks as samples of one vector: their signs, and a covariance that complements leave alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from torch import Tensor

from ppattack.blocks import merge, split
from ppattack.jpeg import Jpeg

Array = NDArray[np.float64]
Single = NDArray[np.float32]
FLAT = 25.0
"""Added to a block's variance, so that flat blocks, which show noise only, count little."""
MOST_DIMENSIONS = 160
"""Eigenvectors used, at most: the others of few blocks are noise."""
FEWEST = 3
"""Eigenvectors kept even if they hold nothing."""
LARGE, SPARE, TURNS = 1500, 40, 4
"""Bytes of a large block at least, spare eigenvectors, and iterations that find them."""
NOTHING = 1e-6
"""Variance, times the largest, below which an eigenvector holds rounding errors only."""
LOST = 9000
"""Blocks by which the losses of compression are measured, at least."""
LEFT = 0.1
"""Share of a variance that is left at least when the losses of compression are taken off."""
MOST_BLOCKS = 40_000
"""Blocks that statistics are taken of, at most, evenly spread."""


@dataclass(frozen=True)
class Spectrum:
    """A covariance by its leading eigenvectors, the largest first.

    Args:
        covariance: ``(D, D)``, symmetric.
        most: eigenvectors used, at most; those without variance are left out.
    """

    covariance: Array
    most: int = MOST_DIMENSIONS

    @cached_property
    def _points(self) -> Single:
        size = len(self.covariance)
        most = min(self.most, size - 1)
        values, vectors = leading(self.covariance, most)
        kept = min(most, max(FEWEST, int((values > NOTHING * values[-1]).sum())))
        largest, values = vectors[:, : -kept - 1 : -1], values[: -kept - 1 : -1]
        return np.ascontiguousarray(largest * np.sqrt(np.maximum(values, 0)))

    @property
    def dimensions(self) -> int:
        """How many there are."""
        return int(self._points.shape[1])

    def places(self, dimensions: int = MOST_DIMENSIONS) -> Single:
        """``(D, k)``: each byte as a point whose inner products are the covariance, nearly."""
        return self._points[:, :dimensions]


def leading(of: Array, count: int) -> tuple[Single, Single]:
    """The largest eigenvalues of a symmetric matrix, rising, and their eigenvectors.

    For large matrices they are nearly so: subspaces iterated from random ones, always the same.

    Args:
        of: ``(D, D)``.
        count: how many.

    Returns:
        ``(count,)`` and ``(D, count)``.
    """
    size = len(of)
    if size <= LARGE:
        chosen = [size - count, size - 1]
        values, vectors = eigh(of.astype(np.float32), subset_by_index=chosen)
        return np.asarray(values), np.asarray(vectors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        matrix = torch.from_numpy(of.astype(np.float32))
        left, sizes, right = torch.svd_lowrank(matrix, count + SPARE, TURNS)
    signed = sizes * (left * right).sum(0).sign()
    order = signed.argsort()[-count:]
    return np.asarray(signed[order].numpy()), np.asarray(left[:, order].numpy())


def lines(images: Tensor, block: int) -> Array:
    """``(n, D)`` float64: the bytes of blocks, channels first, of all images one after the other.

    Args:
        images: ``(N, C, H, W)`` uint8, H and W multiples of ``block``.
        block: edge of a block, pixels.
    """
    cut = split(images.cpu().numpy(), block)
    rows = cut.reshape(-1, images.shape[1] * block * block)
    step = -(-len(rows) // MOST_BLOCKS)
    return np.asarray(rows[::step], dtype=np.float64)


def signs(rows: Array) -> Array:
    """``(D,)`` of -1 and 1: which bytes are complemented, up to all of them.

    Bytes of a block go up and down together. A spanning tree of the strongest correlations leads
    from byte to byte; each has the sign that makes it go with the one before.

    Args:
        rows: ``(n, D)`` from :func:`lines`.
    """
    centred = rows - rows.mean(axis=0)
    centred /= np.sqrt((centred**2).mean(axis=0)) + 1e-9
    alike = centred.T @ centred / len(rows)
    tree = minimum_spanning_tree(2 - np.abs(alike))
    order, before = breadth_first_order(tree, 0, directed=False)
    found = np.ones(len(alike))
    for byte in order[1:]:
        found[byte] = found[before[byte]] * (1 if alike[byte, before[byte]] >= 0 else -1)
    return found if found.sum() >= 0 else -found


def losses(ciphertexts: Tensor, block: int, jpeg: Jpeg, rng: np.random.Generator) -> Array:
    """``(D, D)`` second moments of what compression adds to the bytes of a ciphertext's block.

    Bytes of every block change places at random, so that nothing is left but what ciphertexts
    look like, and go through the same compression again.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, as received.
        block: edge of a block, pixels.
        jpeg: what they went through.
        rng: draws the places.
    """
    pieces = split(ciphertexts.cpu().numpy(), block)
    times = -(-LOST // (pieces.shape[0] * pieces.shape[1]))
    size = pieces.shape[2] * block**2
    total, count = np.zeros((size, size)), 0
    for _ in range(times):
        mixed = rng.permuted(pieces.reshape(*pieces.shape[:2], -1), axis=2).reshape(pieces.shape)
        sent = torch.from_numpy(merge(mixed, *ciphertexts.shape[2:]))
        lost = lines(jpeg.transport(sent), block) - lines(sent, block)
        total += lost.T @ lost
        count += len(lost)
    return np.asarray(total / count)


def contents(rows: Array, lost: float = 0.0) -> Array:
    """``(n, D)``: blocks without their brightness and contrast.

    Both are the same however a block's bytes are ordered, and they outweigh all else.

    Args:
        rows: ``(n, D)``, complements undone.
        lost: variance that compression added to a byte.
    """
    shape = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(shape / _scale(shape, lost))


def contents_lost(rows: Array, lost: Array) -> Array:
    """``(D, D)``: what compression adds to the second moments of :func:`contents`.

    Args:
        rows: ``(n, D)``, complements undone.
        lost: ``(D, D)`` second moments of what it adds to rows.
    """
    shape = rows - rows.mean(axis=1, keepdims=True)
    weight = (1 / _scale(shape, float(lost.diagonal().mean())) ** 2).mean()
    centred = lost - lost.mean(0)
    return np.asarray(weight * (centred - centred.mean(1, keepdims=True)))


def _scale(shape: Array, lost: float) -> Array:
    """``(n, 1)`` contrasts of blocks without brightness."""
    return np.asarray(np.sqrt((shape**2).mean(axis=1, keepdims=True) + FLAT + lost))


def without(seen: Array, lost: Array) -> Array:
    """Second moments less those of what compression adds; a share of each variance stays."""
    less = seen - lost
    np.fill_diagonal(less, np.maximum(less.diagonal(), LEFT * seen.diagonal()))
    return less


def covariance(rows: Array) -> Array:
    """``(D, D)`` second moments of the :func:`contents` of blocks."""
    shape = contents(rows)
    return np.asarray(shape.T @ shape / len(rows))


def correlations(of: Array) -> Array:
    """A covariance with a diagonal of ones."""
    scale = np.sqrt(np.maximum(of.diagonal(), 1e-12))
    return np.asarray(of / scale / scale[:, None])
