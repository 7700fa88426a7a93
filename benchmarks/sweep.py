"""What a sweep costs beside the attacks: seconds a cell that attacks nothing, and where they go.

    python benchmarks/sweep.py [CELLS] [JOBS]

Prints seconds a cell in this process and in JOBS processes, with and without isolation, and the
seconds of processor time, which a busy machine changes less.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ppattack.executors import Executor, InThisProcess, Processes
from ppattack.request import RunRequest
from ppattack.sweep import Sweep, run_sweep

CELLS, JOBS = 200, 2
ATTACK = """
from dataclasses import dataclass
import torch
from ppattack.attack import Attack, AttackCard, Recovery
from ppattack.card import Reference
from ppattack.threat import ThreatModel

class Grey(Attack):
    @dataclass(frozen=True)
    class Config:
        pass
    card = AttackCard(
        "grey", "answers grey", Reference("", "", "", 2026), ("images",), ThreatModel()
    )
    presets = {"standard": {}}
    def run(self, observation, context):
        return Recovery(torch.full_like(observation.ciphertexts, 128))
"""


class Nobody:
    """Watches nothing."""

    def started(self, number: int) -> None:
        """Ignore it."""

    def changed(self, sweep: Sweep) -> None:
        """Ignore it."""


def measured(name: str, requests: list[RunRequest], executor: Executor) -> None:
    """Run and print one row."""
    start, used = time.perf_counter(), _cpu_seconds()
    sweep, _ = run_sweep(requests, executor, Nobody())
    spent, used = time.perf_counter() - start, _cpu_seconds() - used
    if sweep.counts()["done"] != len(requests):
        raise SystemExit(f"{name}: {sweep.counts()}")
    each = [cell.outcome.seconds for cell in sweep.cells if cell.outcome]
    print(
        f"| {name} | {len(requests)} | {spent / len(requests):.2f} | {statistics.median(each):.2f} "
        f"| {used / len(requests):.2f} |",
        flush=True,
    )


def _cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    """Measure every way."""
    given = [int(argument) for argument in sys.argv[1:]]
    cells, jobs = [*given, *(CELLS, JOBS)[len(given) :]][:2]
    with tempfile.TemporaryDirectory() as folder:
        attack = Path(folder) / "grey.py"
        attack.write_text(ATTACK)
        base = RunRequest(f"{attack}:Grey", "pe", victims=12, adversary=24, size=32, save_images=0)
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs")
        print("| where | cells | s a cell | median within | CPU s a cell |\n|---|---|---|---|---|")
        for isolate in (False, True):
            for name, executor in (
                ("this process", InThisProcess()),
                (f"{jobs} processes", Processes(jobs)),
            ):
                label = f"{name}, isolated" if isolate else name
                out = Path(folder) / label.replace(" ", "-")
                count = max(jobs, cells // 10) if isolate else cells
                requests = [
                    replace(base, seed=seed, out=out, isolate=isolate) for seed in range(count)
                ]
                measured(label, requests, executor)


if __name__ == "__main__":
    main()
