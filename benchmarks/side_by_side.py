"""Two ways of doing one thing, timed side by side in one process.

Machines are shared and clocks drift, so no figure here is absolute: both sides run alternately with
one thread, and the ratio of their medians is printed and compared with a bound.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

RECORD = "PPATTACK_RATIOS"


@dataclass(frozen=True)
class Ratio:
    """A measured ratio and the bound it must keep.

    Args:
        title: what was compared.
        value: reference time over ours (``"faster"``) or ours over the reference (``"slower"``).
        sense: ``"faster"``: value must be at least the bound; ``"slower"``: at most.
        bound: the bound.
        ours: median seconds of our side.
        reference: median seconds of the other side.
    """

    title: str
    value: float
    sense: Literal["faster", "slower"]
    bound: float
    ours: float
    reference: float

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.value >= self.bound if self.sense == "faster" else self.value <= self.bound


def compare(
    title: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    sense: Literal["faster", "slower"],
    bound: float,
    repeats: int = 5,
    reference_runs: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """Time both sides alternately, after one untimed turn each, and print the ratio.

    Where both sides compute in this process at one thread, ``time.process_time`` as the clock
    leaves out what others do on the machine.

    With ``reference_runs``, one turn of the reference is that many runs, and its time their mean:
    if both sides take about as long, a busy machine interrupts both alike.
    """
    ours(), reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, (work, runs) in enumerate(((ours, 1), (reference, reference_runs))):
            start = clock()
            for _ in range(runs):
                work()
            times[side].append((clock() - start) / runs)
    mine, other = (statistics.median(side) for side in times)
    value = other / mine if sense == "faster" else mine / other
    ratio = Ratio(title, value, sense, bound, mine, other)
    sign = "≥" if sense == "faster" else "≤"
    verdict = "ok" if ratio.kept else "MISSED"
    print(
        f"{title:<58} {value:8.2f}x {sense:<6} (bound {sign} {bound:g})  "
        f"{mine * 1e3:9.2f} ms against {other * 1e3:9.2f} ms  {verdict}",
        flush=True,
    )
    return ratio


def machine() -> str:
    """The machine, its load and the thread count, in one line."""
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else "-"
    return (
        f"{platform.machine()}, {os.cpu_count()} CPUs, load {load}, Python "
        f"{platform.python_version()}, torch {getattr(torch, '__version__', '-')}, "
        f"threads {threads}"
    )


def finish(ratios: Iterable[Ratio]) -> int:
    """Print the machine and the missed bounds; return the exit code.

    The ratios are added to the file that the environment variable of :data:`RECORD` names.
    """
    ratios = list(ratios)
    if RECORD in os.environ:
        with Path(os.environ[RECORD]).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(ratio)) + "\n" for ratio in ratios)
    missed = [ratio.title for ratio in ratios if not ratio.kept]
    print(machine())
    print(f"missed: {', '.join(missed)}" if missed else "every bound kept")
    return 1 if missed else 0
