"""Matching points at scale: time, peak memory, and the proven distance to the optimum.

Embeddings are sampled from a Gaussian; the other side is the same in another order, with noise.
The whole table of costs would take 80 GB at 100,000 points::

    python benchmarks/assignment.py [--points 100000] [--width 32] [--noise 0.5]

With ``--dense`` the whole table is solved instead, by us, by SciPy and, if ``lapx`` is installed,
by its ``lapjv`` and ``lapjvs``, in turn; medians of processor time.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.matching.assignment import least_cost, match_points
from ppattack.solvers.matching.sparse import Costs

BOTH_UP_TO = 5000
"""Points up to which the dense solver runs as well."""
REPEATS = 5


def _points(count: int, width: int, noise: float) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch_stream(0, "points", count)
    left = torch.randn(count, width, generator=stream)
    order = torch.randperm(count, generator=stream)
    right = torch.empty_like(left)
    right[order] = left + noise * torch.randn(count, width, generator=stream)
    return left, right, order


def _dense(counts: list[int], width: int, noise: float) -> None:
    """Print one row per size: milliseconds of each solver of the whole table."""
    from scipy.optimize import linear_sum_assignment

    print("| points | distinct row minima | ours, ms | SciPy, ms | lapjv, ms | lapjvs, ms |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        left, right, _ = _points(count, width, noise)
        table = Costs(left, right).table()
        array = table.numpy()
        solvers: list[Callable[[], object]] = [
            partial(least_cost, table),
            partial(linear_sum_assignment, array),
        ]
        if importlib.util.find_spec("lap"):
            lap = importlib.import_module("lap")
            solvers.append(partial(lap.lapjv, array))
            solvers.append(partial(lap.lapjvs, array, prefer_float32=False))
        times: list[list[float]] = [[] for _ in solvers]
        for _ in range(REPEATS):
            for solve, spent in zip(solvers, times, strict=True):
                start = time.process_time()
                solve()
                spent.append(1000 * (time.process_time() - start))
        found = [f"{statistics.median(spent):.2f}" for spent in times]
        distinct = len(table.argmin(1).unique()) / count
        print(f"| {count:,} | {distinct:.3f} | {' | '.join(found)} |", flush=True)


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
        _dense(given.points, given.width, given.noise)
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
