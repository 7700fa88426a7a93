"""What exchanging two pixels, with all their channels, or two bytes does to the likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.solvers.covariance.exchanges import changes as changes_of_bytes
from ppattack.solvers.covariance.exchanges import exchanges
from ppattack.solvers.shared_blocks.statistics import Array, Single

NEAREST = 4
"""Bytes whose exchange with a byte is compared with leaving both, for each."""


def changes(here: Single, wanted: Single) -> Single:
    """``(P, P)``: how the product of two matrices changes if two pixels change places.

    Args:
        here: ``(P, P, C * C)`` correlations of the pixels now at each place.
        wanted: ``(P, P, C * C)``, the model's precisions.
    """
    count = len(here)
    whole = here.reshape(count, -1) @ wanted.reshape(count, -1).T
    each = np.arange(count)
    ours, theirs = here[each, each], wanted[each, each]
    alone = (ours * theirs).sum(1)
    both = np.einsum("ijk,ijk->ij", here, wanted)
    near = np.einsum("ijk,ik->ij", here, theirs) - both - alone[:, None]
    near += np.einsum("ik,ijk->ij", ours, wanted)
    crossed = ours @ theirs.T
    ends = crossed + crossed.T - alone[:, None] - alone
    ends += 2 * (np.einsum("ijk,ijk->ij", here.transpose(1, 0, 2), wanted) - both)
    own = whole.diagonal()
    found = 2 * (whole + whole.T - own[:, None] - own - near - near.T) + ends
    np.fill_diagonal(found, 0)
    return np.asarray(found)


def by_pixels(of: Single, channels: int) -> Single:
    """``(P, P, C * C)``: the channels of each pair of pixels, of a matrix over bytes."""
    count = len(of) // channels
    cut = of.reshape(channels, count, channels, count)
    return cut.transpose(1, 3, 0, 2).reshape(count, count, channels**2)


def best_exchanges(seen: Single, weights: Single, rounds: int) -> NDArray[np.intp]:
    """``(D,)``: the order of bytes that exchanges of two lead to while each gains.

    Args:
        seen: ``(D, D)`` correlations of the bytes now at each place.
        weights: ``(D, D)``, the model's precisions.
        rounds: of exchanges, at most.
    """
    whole, product = np.arange(len(seen)), seen @ weights
    for _ in range(rounds):
        pairs = exchanges(seen, weights, product, None)
        if not pairs:
            break
        order = np.arange(len(seen))
        for one, other in pairs:
            order[[one, other]] = [other, one]
        moved = np.flatnonzero(order != np.arange(len(seen)))
        product += seen[:, moved] @ (weights[order[moved]] - weights[moved])
        product = product.take(order, 0)
        seen = seen.take(order, 0).take(order, 1)
        whole = whole[order]
    return whole


def margin(rows: Array, seen: Single, weights: Single) -> float:
    """By how many standard errors the likeliest exchange of two bytes makes blocks less likely.

    Bytes that are always the same do not matter: their exchange changes nothing.

    Args:
        rows: ``(n, D)`` blocks, every byte with a variance of one.
        seen: ``(D, D)`` correlations of the same bytes, of which noise may have been taken.
        weights: ``(D, D)``, the model's precisions.
    """
    one = np.arange(len(seen))
    change = changes_of_bytes(*(m[None] for m in (seen, weights, seen @ weights)))[0]
    np.fill_diagonal(change, np.inf)
    near = np.argpartition(change, NEAREST, axis=1)[:, :NEAREST]
    pull, own = rows @ weights, weights.diagonal()
    least = np.inf
    for other in near.T:
        apart = rows - rows[:, other]
        bend = own + own[other] - 2 * weights[one, other]
        each = apart * (2 * (pull[:, other] - pull) + apart * bend)  # of every block
        error = each.std(0) / np.sqrt(len(rows))
        there = error > 0
        if there.any():
            least = min(least, float((change[one, other][there] / error[there]).min()))
    return least


def block_misfits(rows: Array, weights: Single) -> Array:
    """``(n,)``: twice the negative log-likelihood of each block, up to a constant.

    Args:
        rows: ``(n, D)`` blocks, every byte with a variance of one.
        weights: ``(D, D)``, the model's precisions.
    """
    return np.asarray((rows @ weights * rows).sum(1))
