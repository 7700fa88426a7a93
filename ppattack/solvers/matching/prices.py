"""Prices of columns under which nearly every row prefers another one.

Every matching of a square table takes each column once, so that a price taken off a column changes
the cost of all of them alike: the cheapest one stays the same, whatever the prices are. Good ones
leave little to do. A solver goes row by row along chains of exchanges, and those become short.

They come from a smooth version of the problem, where each row spreads over columns, the more the
cheaper they are for it: Sinkhorn's scaling finds prices at which each column is taken once in sum.
From coarse to fine, since fine ones alone take too many rounds where prices have far to go.
"""

from __future__ import annotations

import torch
from torch import Tensor

SAMPLED = 64
"""Rows whose two cheapest columns tell how fine prices must be."""
FIRST_ROUNDS, ROUNDS = 4, 8
"""Rounds of scaling at the coarsest step, and at each one after it."""
COARSER, FINER = 8.0, 5.0
MOST_UNEVEN = 0.1
"""How much rows may be taken more or less than once, on average, before steps must be coarser."""
TRIES = 4
FINEST = 0.2
"""The last step, as a part of the mean difference of a row's two cheapest columns."""
LARGEST, LEAST = 1e30, 1e-30
NEGLIGIBLE = -100.0
"""Powers of two from which on single precision becomes slow, and nothing adds up to anything."""


def less_prices(costs: Tensor) -> Tensor:
    """A square table of costs less prices of its columns: the same matching is the cheapest.

    Args:
        costs: ``(n, n)`` float64 on the CPU, where no row's least is infinite.

    Returns:
        ``(n, n)`` float64; the table itself if its rows do not say how fine prices must be.

    References: R. Sinkhorn, P. Knopp: Concerning nonnegative matrices and doubly stochastic
        matrices. Pacific Journal of Mathematics 21(2), 343-348 (1967).
        doi:10.2140/pjm.1967.21.343; that they solve assignments in the limit: J. J. Kosowsky,
        A. L. Yuille: The invisible hand algorithm. Neural Networks 7(3), 477-490 (1994).
        doi:10.1016/0893-6080(94)90081-7
    """
    some = costs[:: max(1, len(costs) // SAMPLED)].topk(2, dim=1, largest=False).values
    apart = float((some[:, 1] - some[:, 0]).mean())
    if not LEAST < apart < LARGEST:
        return costs
    left = (costs - costs.amin(dim=1, keepdim=True)).float()
    shares = torch.empty_like(left)
    step = apart
    for _ in range(TRIES):
        rows, columns = _scaled(_spread(left, step, shares), FIRST_ROUNDS)
        if float((rows * (shares @ columns) - 1).abs().mean()) <= MOST_UNEVEN:
            break
        step *= COARSER
    prices = step * columns.log2()
    left -= prices
    while step > FINEST * apart:
        step = max(step / FINER, FINEST * apart)
        _, columns = _scaled(_spread(left, step, shares), ROUNDS)
        more = step * columns.log2()
        left -= more
        prices += more
    return costs - prices


def _spread(costs: Tensor, step: float, out: Tensor) -> Tensor:
    """How much each row likes each column: 1 the cheapest, half as much for each step dearer."""
    torch.sub(costs.amin(dim=1, keepdim=True), costs, out=out)
    return out.mul_(1 / step).clamp_(min=NEGLIGIBLE).exp2_()


def _scaled(shares: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Factors of rows and columns, ``(n,)``: all columns sum to 1 then, and nearly all rows."""
    columns = torch.ones(len(shares))
    for _ in range(rounds):
        rows = (shares @ columns).clamp_(min=LEAST).reciprocal_()
        columns = (rows @ shares).clamp_(min=LEAST).reciprocal_()
    return rows, columns
