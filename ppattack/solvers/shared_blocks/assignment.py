"""Points assigned to each other one to one, quickly if there are many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.shared_blocks.models import Places

MOST_ASSIGNED = 800
"""Points that are assigned at once, at most; of more, the nearest ones are taken again."""


def nearly_least(far: NDArray[np.floating[Any]]) -> Places:
    """``(P,)``: a column for each row, one to one, nearly at the least total cost.

    Rows and columns that are each other's cheapest belong together, and the others are assigned. If
    more than ``MOST_ASSIGNED`` are left, those that are the cheapest of what is left do first.

    Args:
        far: ``(P, P)`` costs.
    """
    count = len(far)
    at = np.full(count, -1)
    rest, free = np.arange(count), np.arange(count)
    while len(rest) == count or len(rest) > MOST_ASSIGNED:
        left = far[np.ix_(rest, free)]
        nearest, back = left.argmin(1), left.argmin(0)
        mutual = back[nearest] == np.arange(len(left))
        at[rest[mutual]] = free[nearest[mutual]]
        rest, free = rest[~mutual], np.delete(free, nearest[mutual])
    at[rest] = free[linear_sum_assignment(far[np.ix_(rest, free)])[1]]
    return at
