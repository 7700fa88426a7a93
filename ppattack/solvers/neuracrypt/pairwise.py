"""The first matching of images whose patches are in different orders.

Two images are as alike as their patches under the best assignment of one's to the other's. That
is one assignment problem for every ciphertext and candidate. Bounds from above show which of them
can matter: the best matching of images follows from few exact scores.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score

CACHED_BYTES = 1 << 20
"""Bytes of similarities held at a time on the CPU, where they should stay in the cache."""
DEVICE_BYTES = 1 << 28
"""Likewise on an accelerator."""
SLACK = 1e-5
"""Bounds in single precision are raised by this, so that rounding cannot make them too low."""
TIGHTENING = ((0.05, 10), (0.02, 30))
"""Temperature and sweeps of the prices behind the second and third bound. Lower temperatures come
closer to the best and take more sweeps. Similarities are cosines, within 1."""
EXACT = len(TIGHTENING) + 1
"""How often a pair is looked at before its score is exact; 0 is the first bound."""


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
        plain: ``(M, P, E)`` embeddings of the candidates' patches.

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

    Scores start as upper bounds. The best matching under them is found, and its pairs are looked
    at more closely, first by tighter bounds, then exactly. Once the best matching consists of
    exact scores alone, no other can be better, as no pair is worth more than its bound.
    """
    bounds = upper_bounds(codes, plain).cpu().double().numpy()
    looks = np.zeros(bounds.shape, dtype=np.int8)
    rows = np.arange(len(bounds))
    prices: dict[tuple[int, int], Tensor] = {}
    while True:
        columns = greatest_score(torch.from_numpy(bounds)).numpy()
        open_ = np.flatnonzero(looks[rows, columns] < EXACT)
        if not len(open_):
            break
        looked = looks[open_, columns[open_]]
        for look in range(EXACT):
            chosen = open_[looked == look]
            if not len(chosen):
                continue
            pairs = (torch.from_numpy(chosen), torch.from_numpy(columns[chosen]))
            names = list(zip(chosen.tolist(), columns[chosen].tolist(), strict=True))
            if look < len(TIGHTENING):
                found, priced = tighter_bounds(codes, plain, *pairs, *TIGHTENING[look])
                prices |= zip(names, priced, strict=True)
            else:
                last = torch.stack([prices.pop(name) for name in names])
                found = _solved(codes, plain, *pairs, last)
            bounds[chosen, columns[chosen]] = found
            looks[chosen, columns[chosen]] += 1
    solved = int((looks == EXACT).sum())
    return FirstMatching(torch.from_numpy(columns).to(codes.device), solved, bounds.size)


def upper_bounds(codes: Tensor, plain: Tensor) -> Tensor:
    """What no assignment of the patches can exceed, ``(N, M)``.

    Every patch gets its most similar partner, on either side; the lower of the two means counts.
    """
    out = codes.new_empty((len(codes), len(plain)))
    step = _pairs_at_once(codes)
    for i, image in enumerate(codes):
        for start in range(0, len(plain), step):
            table = torch.matmul(image, plain[start : start + step].transpose(1, 2))
            by_row, by_column = table.amax(dim=2).mean(dim=1), table.amax(dim=1).mean(dim=1)
            out[i, start : start + step] = torch.minimum(by_row, by_column)
    return out + SLACK


def tighter_bounds(
    codes: Tensor,
    plain: Tensor,
    rows: Tensor,
    columns: Tensor,
    temperature: float,
    sweeps: int,
) -> tuple[NDArray[np.float64], Tensor]:
    """Bounds for some pairs, with prices that make patches compete less for the same partner.

    Returns:
        the bounds ``(K,)`` and the prices behind them, ``(K, 1, P)``.
    """
    out = np.empty(len(rows))
    every = []
    for part, tables in _tables(codes, plain, rows, columns):
        prices = _prices(tables, temperature, sweeps)
        every.append(prices)
        bound = (tables - prices).amax(dim=2).mean(dim=1) + prices.mean(dim=(1, 2))
        out[part] = bound.cpu().numpy()
    return out + SLACK, torch.cat(every)


def _prices(tables: Tensor, temperature: float, sweeps: int) -> Tensor:
    """Prices of the columns of ``(K, P, P)`` tables, ``(K, 1, P)``, by balancing rows and columns.

    Any prices bound the best assignment from above; balanced ones at a low temperature come close
    to it.
    """
    if tables.device.type == "cpu" and len(tables) > 1:
        # One table at a time stays in the cache, where its products are fast.
        return torch.cat([_prices(table, temperature, sweeps) for table in tables.split(1)])
    by_row = tables.amax(dim=2, keepdim=True)
    reduced = tables - by_row
    by_column = reduced.amax(dim=1, keepdim=True)
    kernel = reduced.sub_(by_column).div_(temperature).exp_()
    of_columns = torch.ones_like(by_row)
    for _ in range(sweeps):
        of_rows = (kernel @ of_columns).reciprocal_()
        of_columns = (kernel.transpose(1, 2) @ of_rows).reciprocal_()
    return by_column - temperature * of_columns.log_().transpose(1, 2)


def _solved(
    codes: Tensor, plain: Tensor, rows: Tensor, columns: Tensor, prices: Tensor | None = None
) -> NDArray[np.float64]:
    """The exact scores of some pairs.

    Prices change no assignment, and leave the solver little to do.
    """
    from scipy.optimize import linear_sum_assignment

    out = np.empty(len(rows))
    for part, tables in _tables(codes, plain, rows, columns):
        known = _prices(tables, *TIGHTENING[0]) if prices is None else prices[part]
        lower = known - tables
        lower -= lower.amin(dim=2, keepdim=True)
        arrays = zip(tables.cpu().numpy(), lower.cpu().numpy(), strict=True)
        for k, (table, costs) in enumerate(arrays):
            out[part.start + k] = table[linear_sum_assignment(costs)].mean(dtype=np.float64)
    return out


def _tables(
    codes: Tensor, plain: Tensor, rows: Tensor, columns: Tensor
) -> Iterator[tuple[slice, Tensor]]:
    """Similarities of the patches of some pairs, ``(K, P, P)``, a few pairs at a time."""
    step = _pairs_at_once(codes)
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        left, right = codes[rows[part].to(codes.device)], plain[columns[part].to(plain.device)]
        yield part, torch.bmm(left, right.transpose(1, 2))


def _pairs_at_once(codes: Tensor) -> int:
    limit = CACHED_BYTES if codes.device.type == "cpu" else DEVICE_BYTES
    return max(1, limit // (codes.shape[1] ** 2 * codes.element_size()))
