"""The key of a scheme that transforms every block alike and leaves blocks in their places.

Every block of every ciphertext is a sample of the same unknown permutation, so a few ciphertexts
are enough. High nibbles give their places away by their correlations; low nibbles, whose
correlations are too weak, follow from what the high ones predict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import place
from ppattack.context import Alone, Workers
from ppattack.data.stacks import Images
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.covariance import block_symbols, low_nibbles
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.matching import quadratic
from ppattack.solvers.matching.products import Products

Array = NDArray[np.float64]
SHRINKAGE = 0.2
"""Weight of the identity in the public correlations before they are inverted; found by trial."""


def recover(
    ciphertexts: Images,
    public: Tensor,
    block: int,
    unit: Unit,
    rng: np.random.Generator,
    *,
    restarts: int,
    workers: Workers | None = None,
    jpeg: Jpeg | None = None,
    others: Others | None = None,
) -> KeyEstimate:
    """The permutation and the complements that all blocks share.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, all under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        block: edge of a block, pixels.
        unit: what is moved.
        rng: chooses the starts of graph matching.
        restarts: how many starts.
        workers: gather statistics; None for this process.
        jpeg: what the ciphertexts went through, or None.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
    """
    workers = workers or Alone()
    seen = block_symbols.pooled_correlations(ciphertexts, block, unit, workers)
    plain = block_symbols.pooled_correlations(public, block, unit, workers)
    size = len(seen[0])
    high, source = np.arange(size), np.arange(size)
    if unit == "nibble":
        high, source = most_correlated(seen[0], size // 2), np.arange(size // 2, size)
    ours = np.stack([matrix[np.ix_(high, high)] for matrix in seen])
    theirs = np.stack([matrix[np.ix_(source, source)] for matrix in plain])
    signs = leading_signs(ours[0])
    ours *= signs[:, None] * signs
    products = Products.on(ciphertexts.device)
    found = quadratic.match(ours, theirs, rng, restarts=restarts, products=products)
    matched = _most_likely_variant(ours, theirs, found.permutation, block, public.shape[1])
    permutation, negative = _whole(high, source[matched], signs, size)
    shape = (int(public.shape[1]), int(ciphertexts.shape[2]), int(ciphertexts.shape[3]))
    numbers = block_symbols.numbers(shape, block, unit)
    mask = np.broadcast_to(negative * np.uint8(15 if unit == "nibble" else 255), numbers.shape)
    key = PermXor(
        place(numbers[None, :, permutation], numbers)[0], place(mask[None], numbers)[0], unit
    )
    notes = {
        "likeness": round(found.likeness, 4),
        "likeness_elsewhere": round(found.runner_up, 4),
    }
    low_known = unit == "byte"
    if unit == "nibble":
        key, low_known = low_nibbles.complete(
            key, ciphertexts, public, numbers, shared=True, workers=workers
        )
    states = choice.unturned(choice.group_for(shape[0]))
    return KeyEstimate(key, low_known, notes).settled(ciphertexts, public, states, jpeg, others)


def most_correlated(correlation: Array, count: int) -> NDArray[np.intp]:
    """The ``count`` symbols with the strongest correlations, in ascending order.

    Fourth powers count, because a high nibble has a near twin, and many weak correlations are no
    sign of one.
    """
    strength = (correlation**4).sum(0)
    return np.sort(np.argsort(-strength, kind="stable")[:count])


def leading_signs(correlation: Array) -> Array:
    """The signs of the leading eigenvector, -1.0 and 1.0: complements, up to one common sign."""
    vector = np.linalg.eigh(correlation)[1][:, -1]
    return np.where(vector < 0, -1.0, 1.0)


def _most_likely_variant(
    ours: Array, theirs: Array, permutation: NDArray[np.intp], block: int, channels: int
) -> NDArray[np.intp]:
    """The most probable permutation among the turned, mirrored and recoloured versions of one.

    Graph matching easily mistakes blocks for their mirror images: the statistics hardly differ.
    """
    weights = _pair_precisions(theirs)
    variants = [turned[permutation] for turned in block_symbols.turns(block, channels)]
    costs = [float((ours * weights[:, p[:, None], p]).sum()) for p in variants]
    return variants[int(np.argmin(costs))]


def _pair_precisions(correlations: Array) -> Array:
    """``(3, S, S)``: the weights of the three kinds of correlations in the Gaussian log-likelihood.

    The likelihood is that of two blocks side by side and of two blocks one above the other, each
    pair as one vector.
    """
    within, *neighbours = correlations
    size = len(within)
    weights = np.zeros_like(correlations)
    for k, across in enumerate(neighbours, 1):
        both = np.block([[within, across], [across.T, within]])
        inverse = np.linalg.inv((1 - SHRINKAGE) * both + SHRINKAGE * np.eye(2 * size))
        weights[0] += inverse[:size, :size] + inverse[size:, size:]
        weights[k] = 2 * inverse[:size, size:]
    return weights


def _whole(
    high: NDArray[np.intp], source: NDArray[np.intp], signs: Array, size: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The table of a whole block: what is known, and the other symbols in ascending order."""
    permutation = np.full(size, -1)
    permutation[high] = source
    permutation[permutation < 0] = np.setdiff1d(np.arange(size), source)
    negative = np.zeros(size, dtype=bool)
    negative[high] = signs < 0
    return permutation, negative
