"""Changes that improve a matching under a Gaussian model: exchanges and signs."""

from __future__ import annotations

import numpy as np

from ppattack.solvers.covariance.signed_matching import Single

MOST_MOVES = 64
"""Exchanges made between two evaluations of all of them."""
WORTH = 0.01
"""Changes that gain less are not made."""


def exchanges(
    seen: Single, weights: Single, product: Single, block: int | None
) -> list[tuple[int, int]]:
    """Disjoint exchanges that each gain, no matter which of the others are made.

    Args:
        seen: ``(S, S)`` correlations of the symbols now at each place, signed.
        weights: ``(S, S)``, the model's.
        product: ``seen @ weights``.
        block: only places of one block of so many exchange their symbols; None for any.
    """
    change = changes(*(_blocks(matrix, block or len(seen)) for matrix in (seen, weights, product)))
    first_places = np.arange(0, len(seen), change.shape[1])[:, None]
    partner = (change.argmin(2) + first_places).reshape(-1)
    gain = change.min(2).reshape(-1)
    chosen: list[tuple[int, int]] = []
    taken: set[int] = set()
    for first in np.argsort(gain)[: 4 * MOST_MOVES].tolist():
        second = int(partner[first])
        if gain[first] > -WORTH or len(chosen) == MOST_MOVES:
            break
        if first in taken or second in taken:
            continue
        more = sum(_together(seen, weights, (first, second), pair) for pair in chosen)
        if gain[first] + more < -WORTH:
            chosen.append((first, second))
            taken |= {first, second}
    return chosen


def _blocks(matrix: Single, size: int) -> Single:
    """``(S / size, size, size)``: the blocks on the diagonal."""
    count = len(matrix) // size
    inside: Single = np.einsum("iaib->iab", matrix.reshape(count, size, count, size))
    return inside


def changes(seen: Single, weights: Single, product: Single) -> Single:
    """``(N, S, S)``: what each exchange of two places of a block adds to the misfit.

    Args:
        seen: ``(N, S, S)`` correlations of each block's symbols, signed.
        weights: ``(N, S, S)``, the model's.
        product: ``seen @ weights``, with all that is outside the block.
    """
    own, total = (np.einsum("iaa->ia", matrix) for matrix in (weights, product))
    change: Single = product + product.swapaxes(1, 2)
    change -= total[:, :, None]
    change -= total[:, None]
    bend = 2 * weights
    bend -= own[:, :, None]
    bend -= own[:, None]
    bend *= 1 - seen
    change -= bend
    change *= 2
    return change


def _together(
    seen: Single, weights: Single, first: tuple[int, int], second: tuple[int, int]
) -> float:
    """How two exchanges together differ from the sum of each alone."""
    (a, b), (c, d) = first, second
    ours, theirs = (m[a, c] - m[a, d] - m[b, c] + m[b, d] for m in (seen, weights))
    return float(2 * ours * theirs)


def flips(seen: Single, weights: Single, product: Single) -> list[int]:
    """Places whose change of sign gains, even all together; arguments as in :func:`exchanges`."""
    change = -4 * (product.diagonal() - seen.diagonal() * weights.diagonal())
    chosen: list[int] = []
    for place in np.argsort(change)[: 4 * MOST_MOVES].tolist():
        if change[place] > -WORTH:
            break
        if change[place] + 8 * float(seen[place, chosen] @ weights[place, chosen]) < -WORTH:
            chosen.append(place)
    return chosen
