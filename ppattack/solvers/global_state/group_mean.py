"""The mean of a matrix over a group of signed permutations, in few steps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def mean_over_states(moment: Tensor, source: Tensor, sign: Tensor) -> Tensor:
    """The mean over all states of the products of features that are in that state.

    The mean over a subgroup is taken first, then that over representatives of its cosets, one
    generator after another: 96 states take 13 products instead of 96.

    Args:
        moment: ``(D, D)`` mean products of features.
        source: ``(S, D)`` feature j of a state is feature ``source[s, j]`` of the image.
        sign: ``(S, D)`` times this. The states must be a group.
    """
    for representatives in coset_chain(_signed(source, sign)):
        total = torch.zeros_like(moment)
        for state in representatives:
            take, by = source[state], sign[state]
            total += moment[take][:, take] * by[:, None] * by
        moment = total / len(representatives)
    return moment


def _signed(source: Tensor, sign: Tensor) -> NDArray[np.int64]:
    """``(S, D)``: each state as one permutation of the numbers from 1 and their negatives."""
    rows: NDArray[np.int64] = ((source + 1) * sign.long()).cpu().numpy()
    return rows


def coset_chain(rows: NDArray[np.int64]) -> list[list[int]]:
    """Representatives of cosets along a chain of subgroups, from the trivial one to the whole.

    Args:
        rows: ``(S, D)`` the signed permutations of a group; entry j is ``±(k + 1)``, the sign and
            number of the feature that feature j becomes.

    Returns:
        for each step the representatives r of the cosets ``r · K`` of the subgroup K before it.
    """
    number = {row.tobytes(): k for k, row in enumerate(rows)}

    def product(first: int, second: int) -> int:
        moved = rows[second, np.abs(rows[first]) - 1] * np.sign(rows[first])
        return number[moved.tobytes()]

    identity = number[np.arange(1, rows.shape[1] + 1).tobytes()]
    group, generators, chain = [identity], [], []
    for new in range(len(rows)):
        if new in group:
            continue
        generators.append(new)
        representatives, members = [identity], set(group)
        for reached in representatives:  # grows while it is gone through
            for generator in generators:
                other = product(generator, reached)
                if other not in members:
                    representatives.append(other)
                    members |= {product(other, element) for element in group}
        group = sorted(members)
        chain.append(representatives)
    return chain
