"""The first matching of images whose patches are in different orders.

Two images are as alike as their patches under the best assignment of one's to the other's. That
is one assignment problem for every ciphertext and candidate. Bounds from above show which of them
can matter: the best matching of images follows from few exact scores.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.solvers.assignment import greatest_score

PRODUCT_BYTES = 32 << 20
"""Of similarities held at a time."""
SLACK = 1e-5
"""By which bounds in single precision are raised, so that rounding cannot make them too low."""


@dataclass(frozen=True)
class FirstMatching:
    """A matching of images by the best assignments of their patches.

    Args:
        matching: ``(N,)`` int64, for each ciphertext its candidate.
        solved: assignments of patches that were solved.
        pairs: of ciphertexts and candidates, N².
    """

    matching: Tensor
    solved: int
    pairs: int


def exact_scores(codes: Tensor, plain: Tensor) -> Tensor:
    """Mean similarity of patches under the best assignment, for all pairs of images.

    Args:
        codes: ``(N, P, E)`` embeddings of the ciphertexts' patches.
        plain: ``(M, P, E)`` of the candidates'.

    Returns:
        ``(N, M)`` float64 on the CPU.
    """
    count, others = len(codes), len(plain)
    rows = torch.arange(count).repeat_interleave(others)
    columns = torch.arange(others).repeat(count)
    return torch.from_numpy(_solved(codes, plain, rows, columns)).view(count, others)


def exact_matching(codes: Tensor, plain: Tensor) -> FirstMatching:
    """The best matching of images, every pair of them scored exactly."""
    scores = exact_scores(codes, plain)
    return FirstMatching(greatest_score(scores).to(codes.device), scores.numel(), scores.numel())


def bounded_matching(codes: Tensor, plain: Tensor) -> FirstMatching:
    """The same matching from few exact scores.

    Scores start as upper bounds. The best matching under them is found, its pairs are scored
    exactly, and so on until the best matching consists of exact scores alone: no other can then
    be better, as no pair is worth more than its bound.
    """
    bounds = upper_bounds(codes, plain).cpu().double().numpy()
    exact = np.zeros(bounds.shape, dtype=bool)
    rows = np.arange(len(bounds))
    while True:
        columns = greatest_score(torch.from_numpy(bounds)).numpy()
        open_ = np.flatnonzero(~exact[rows, columns])
        if not len(open_):
            break
        wanted = columns[open_]
        found = _solved(codes, plain, torch.from_numpy(open_), torch.from_numpy(wanted))
        bounds[open_, wanted] = found
        exact[open_, wanted] = True
    solved = int(exact.sum())
    return FirstMatching(torch.from_numpy(columns).to(codes.device), solved, bounds.size)


def upper_bounds(codes: Tensor, plain: Tensor) -> Tensor:
    """What no assignment of the patches can exceed, ``(N, M)``.

    Every patch gets its most similar partner; patches of the other side whose best offer is less
    than that lower the bound further. Both sides may begin; the lower of the two bounds counts.
    """
    positions = codes.shape[1]
    step = max(1, PRODUCT_BYTES // (positions**2 * codes.element_size()))
    out = codes.new_empty((len(codes), len(plain)))
    for i, image in enumerate(codes):
        for start in range(0, len(plain), step):
            table = torch.matmul(image, plain[start : start + step].transpose(1, 2))
            out[i, start : start + step] = _bound(table)
    return out + SLACK


def _bound(table: Tensor) -> Tensor:
    """Of ``(K, P, P)`` similarities, for each of K: a feasible solution of the dual problem."""
    by_row, by_column = table.amax(dim=2), table.amax(dim=1)
    rows_first = by_row + (table - by_row[:, :, None]).amax(dim=1)
    columns_first = by_column + (table - by_column[:, None, :]).amax(dim=2)
    return torch.minimum(rows_first.mean(dim=1), columns_first.mean(dim=1))


def _solved(codes: Tensor, plain: Tensor, rows: Tensor, columns: Tensor) -> NDArray[np.float64]:
    """The exact scores of some pairs."""
    from scipy.optimize import linear_sum_assignment

    positions = codes.shape[1]
    step = max(1, PRODUCT_BYTES // (positions**2 * codes.element_size()))
    out = np.empty(len(rows))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        left, right = codes[rows[part].to(codes.device)], plain[columns[part].to(plain.device)]
        tables = torch.bmm(left, right.transpose(1, 2)).cpu().numpy()
        for k, table in enumerate(tables):
            best = linear_sum_assignment(table, maximize=True)
            out[start + k] = table[best].mean(dtype=np.float64)
    return out
