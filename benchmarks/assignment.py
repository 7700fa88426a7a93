"""Matching points at scale: time, peak memory, and the proven distance to the optimum.

Embeddings are sampled from a Gaussian; the other side is the same in another order, with noise.
The whole table of costs would take 80 GB at 100,000 points::

    python benchmarks/assignment.py [--points 100000] [--width 32] [--noise 0.5]

With ``--dense`` whole tables are solved instead, by us, by SciPy and by ``lapx``, in turn; medians
of processor time: of points of several widths and noises, of inner products of points that have
nothing to do with each other, and of random numbers, whole ones too. All must cost the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from side_by_side import machine
from torch import Tensor

from ppattack.machine import keep_freed_memory
from ppattack.seeding import torch_stream
from ppattack.solvers.matching.assignment import least_cost, match_points
from ppattack.solvers.matching.sparse import Costs

BOTH_UP_TO = 5000
"""Points up to which the dense solver runs as well."""
REPEATS = 5
WIDTHS, NOISES = (2, 8, 32), (0.1, 0.5, 1.5)


def _points(count: int, width: int, noise: float) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch_stream(0, "points", count)
    left = torch.randn(count, width, generator=stream)
    order = torch.randperm(count, generator=stream)
    right = torch.empty_like(left)
    right[order] = left + noise * torch.randn(count, width, generator=stream)
    return left, right, order


def _tables(count: int) -> Iterator[tuple[str, Tensor]]:
    """What a table of costs is of, and the table, ``(n, n)`` float64."""
    for width, noise in product(WIDTHS, NOISES):
        left, right, _ = _points(count, width, noise)
        yield f"width {width}, noise {noise}", Costs(left, right).table()
    stream = torch_stream(0, "tables", count)
    left, right = (torch.randn(count, 64, generator=stream).double() for _ in range(2))
    yield "inner products", left @ right.T
    yield "random", torch.rand(count, count, generator=stream, dtype=torch.float64)
    whole = torch.randint(0, 1000, (count, count), generator=stream)
    yield "random, 0 to 999", whole.double()


def _dense(counts: list[int]) -> None:
    """Print one row per table: milliseconds of each solver."""
    import lap
    from scipy.optimize import linear_sum_assignment

    print("| points | costs | cheapest columns | ours, ms | SciPy, ms | lapx, ms |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        for name, table in _tables(count):
            array = table.numpy()
            solvers: list[Callable[[], Any]] = [
                lambda table=table: least_cost(table).numpy(),  # type: ignore[misc]
                lambda array=array: linear_sum_assignment(array)[1],  # type: ignore[misc]
                lambda array=array: lap.lapjv(array, return_cost=False)[0],  # type: ignore[misc]
            ]
            times: list[list[float]] = [[] for _ in solvers]
            for _ in range(REPEATS):
                totals = []
                for solve, spent in zip(solvers, times, strict=True):
                    start = time.process_time()
                    columns = solve()
                    spent.append(1000 * (time.process_time() - start))
                    totals.append(array[np.arange(count), columns].sum())
                if not np.allclose(totals, totals[0], rtol=1e-9):
                    raise SystemExit(f"{name}: the solvers do not agree, {totals}")
            found = [f"{statistics.median(spent):.2f}" for spent in times]
            distinct = len(np.unique(array.argmin(axis=1))) / count
            print(f"| {count:,} | {name} | {distinct:.2f} | {' | '.join(found)} |", flush=True)


def main() -> int:
    """Print one row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 5000, 20_000, 100_000])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dense", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.dense:
        keep_freed_memory()  # as the program does
        _dense(given.points)
        print(machine())
        return 0
    print("| points | seconds | peak MB | gap / cost | right | rounds | dense: seconds | same |")
    print("|---|---|---|---|---|---|---|---|")
    for count in given.points:
        left, right, order = _points(count, given.width, given.noise)
        start = time.perf_counter()
        found = match_points(left, right, method="sparse")
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        right_ones = (found.columns == order).double().mean().item()
        beside = "– | –"
        if count <= BOTH_UP_TO:
            start = time.perf_counter()
            dense = match_points(left, right, method="dense")
            same = torch.equal(dense.columns, found.columns)
            beside = f"{time.perf_counter() - start:.1f} | {'yes' if same else 'no'}"
        print(
            f"| {count:,} | {seconds:.1f} | {peak:.0f} | {found.gap / found.cost:.1e} | "
            f"{right_ones:.4f} | {found.rounds} | {beside} |",
            flush=True,
        )
    print(machine())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
