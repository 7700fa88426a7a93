"""Improve whole arrangements by mean-field annealing: every place holds every piece with a weight.

What speaks against a piece at a place is the mean surprise of its seams there, over what its
neighbours may be. Weights follow by a softmax, balanced so that every piece is used about once,
and sharpen while the temperature falls. All places change together, so a part that slid moves back
as a whole, which no exchange of pieces and no growth around a certain part does. The search starts
just below the temperature at which arrangements melt, and the picture is a ring: behind the last
piece of a row comes its first one, so that the whole may slide.

References: T. S. Cho, S. Avidan, W. T. Freeman: A probabilistic image jigsaw puzzle solver. CVPR
2010 (a weight for every piece at every place). F. Andaló, G. Taubin, S. Goldenstein: PSQP: Puzzle
Solving by Quadratic Programming. IEEE TPAMI 39(2), 385-396 (2017). S. Gold, A. Rangarajan: A
graduated assignment algorithm for graph matching. IEEE TPAMI 18(4), 377-388 (1996) (annealing
with balanced weights). None of them starts from arrangements that were found by other means, or
from the mean of two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack.block_states import Indices

SHARPNESS = np.linspace(0.45, 1.0, 60)
"""Inverse temperatures, one after another."""
SPREAD = 0.2
"""Weight that is spread evenly over all pieces at first."""
KEPT = 0.2
"""Weight of the last step in the mean of both: without it neighbours follow each other in turn."""
IMPOSSIBLE = 12.0
"""Surprise of what cannot be."""


def relaxed(
    starts: Sequence[Indices], right: NDArray[np.floating], below: NDArray[np.floating]
) -> Indices:
    """A better arrangement near the one given, or between several.

    Args:
        starts: ``(rows, columns)`` each; the search starts from their mean.
        right: ``(n, n)`` surprise of each other piece to the right of a piece.
        below: likewise below it.

    Returns:
        ``(rows, columns)``, bent to a ring: it may have to slide in a circle.
    """
    rows, columns = starts[0].shape
    count = rows * columns
    weights = torch.full((count, count), SPREAD / count)
    for grid in starts:
        place = torch.from_numpy(grid.reshape(-1, 1).copy())
        share = (1 - SPREAD) / len(starts)
        weights.scatter_add_(1, place, torch.full((count, 1), share))
    costs = (_centred(each) for each in (right, below))
    weights = _annealed(weights.view(rows, columns, count), *costs)
    _, found = linear_sum_assignment(weights.flatten(0, 1).numpy(), maximize=True)
    return np.asarray(found, np.intp).reshape(rows, columns)


def _centred(surprise: NDArray[np.floating]) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(surprise)).float().clamp(max=IMPOSSIBLE)
    return values - values.mean()


def _annealed(weights: Tensor, right: Tensor, below: Tensor) -> Tensor:
    """Weights ``(rows, columns, n)`` after all temperatures."""
    used = torch.zeros(weights.shape[2])
    for sharpness in SHARPNESS.tolist():
        against = weights.roll(-1, 1) @ right.T
        against += weights.roll(1, 1) @ right
        against += weights.roll(-1, 0) @ below.T
        against += weights.roll(1, 0) @ below
        likely = against.mul_(-sharpness).flatten(0, 1)
        shares = likely - (likely + used).logsumexp(1, keepdim=True)
        used = -shares.logsumexp(0)
        found = (likely + used).softmax(1).view_as(weights)
        weights = torch.lerp(found, weights, KEPT)
    return weights


def aligned(first: Indices, second: Indices) -> Indices:
    """The second arrangement slid in a circle to where most pieces stand as in the first."""
    rows, columns = first.shape
    ours, theirs = (np.argsort(grid.reshape(-1)) for grid in (first, second))
    down = (ours // columns - theirs // columns) % rows
    along = (ours % columns - theirs % columns) % columns
    most = int(np.bincount(down * columns + along).argmax())
    return np.roll(second, divmod(most, columns), (0, 1))
