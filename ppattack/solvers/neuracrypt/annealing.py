"""Matching and places at once, both uncertain at first.

A hard matching of which one in twenty is right says nothing about the places. Probabilities do: a
ciphertext that could be one of ten candidates expects their mean, which narrows the places down.
Both tables of probabilities are sharpened in turn, slowly (mean-field annealing).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.context import Progress, SilentProgress
from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.alternation import scores_of_contents

STEPS = 40
SOFTEST, SHARPEST = 0.05, 1.4
"""Weights of the evidence. The last suits features that correlate at 0.7 across keys: that is
0.7 / (1 - 0.7²), the logarithm of the likelihood of one product."""
FIRST_WEIGHT = 0.35
BALANCINGS = 20
LEAST, GREATEST = 1e-30, 1e30
"""Sums and scales that single precision still holds: of columns that no row asks for."""


def annealed_matching(plain: Tensor, codes: Tensor, progress: Progress | None = None) -> Tensor:
    """A matching of images whose places are unknown.

    Args:
        plain: ``(M, P)`` one feature of each patch of the candidates.
        codes: ``(N, P)`` likewise for the codes, in one order; N is M at most.
        progress: shows how far it is.

    Returns:
        ``(N,)`` int64.
    """
    plain, codes = _standardised(plain), _standardised(codes)
    table = scores_of_contents(plain, codes).mul_(codes.shape[1] * FIRST_WEIGHT)
    columns = table.new_zeros(len(plain))
    columns = _balance(table, columns)
    with (progress or SilentProgress()).task("matching and places", STEPS) as task:
        for step, weight in enumerate(torch.linspace(SOFTEST, SHARPEST, STEPS).tolist(), 1):
            evidence = codes.T @ table @ plain
            places = evidence.mul_(weight)
            _balance(places, places.new_zeros(len(places)))
            left = codes @ places
            torch.matmul(left, plain.T, out=table).mul_(weight)
            columns = _balance(table, columns)
            task.update(step)
    return greatest_score(left @ plain.T)


def _standardised(features: Tensor) -> Tensor:
    centred = features - features.mean()
    return centred / centred.square().mean().sqrt().clamp_min(torch.finfo(centred.dtype).tiny)


def _balance(table: Tensor, columns: Tensor) -> Tensor:
    """Turn unscaled logarithms into probabilities, in place.

    Rows sum to one, and so do columns; if there are more columns than rows, a column sums to one at
    most. Both are scaled by vectors in turn, so that no second table is needed.

    Args:
        table: ``(N, M)``.
        columns: ``(M,)`` logarithms of the columns' scales to begin with.

    Returns:
        those at the end.
    """
    table += columns
    table -= table.amax(dim=1, keepdim=True)
    table.exp_()
    most = torch.full_like(columns, GREATEST)
    if table.shape[0] < table.shape[1]:
        most = (-columns).exp()
    of_columns = torch.ones_like(columns)
    for _ in range(BALANCINGS):
        of_rows = (table @ of_columns).clamp_min_(LEAST).reciprocal_()
        of_columns = torch.minimum((of_rows @ table).clamp_min_(LEAST).reciprocal_(), most)
    table *= of_rows[:, None]
    table *= of_columns
    return columns + of_columns.log()
