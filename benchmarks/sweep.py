"""What a sweep costs besides the attacks: seconds per cell, and where they go.

    python benchmarks/sweep.py [CELLS] [JOBS]     cells that attack nothing
    python benchmarks/sweep.py busy [SECONDS]     four cells that compute for 30 s of processor time

The first prints seconds per cell in this process and in JOBS processes, with and without isolation,
the second what a sweep takes besides its attacks; both also in processor time, which a busy machine
changes less.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ppattack.isolation import fork_server
from ppattack.reports.sweep import Sweep
from ppattack.request import RunRequest
from ppattack.sweeps.executors import Executor, InThisProcess, LocalProcesses
from ppattack.sweeps.sweep import run_sweep

CELLS, JOBS, BUSY_SECONDS = 200, 2, 30
ATTACK = """
import time
from dataclasses import dataclass
from typing import Annotated
import torch
from ppattack.config import Doc, Interval
from ppattack.attack import Attack, AttackCard, Recovery
from ppattack.card import Reference
from ppattack.threat import ThreatModel

class Grey(Attack):
    @dataclass(frozen=True)
    class Config:
        seconds: Annotated[float, Interval(ge=0), Doc("of processor time to compute")] = 0.0
    card = AttackCard(
        "grey", "answers grey", Reference("", "", "", 2026), ("images",), ThreatModel()
    )
    presets = {"standard": {}}
    def run(self, observation, context):
        start, matrix = time.process_time(), torch.ones(256, 256)
        while time.process_time() - start < self.config.seconds:
            matrix = torch.tanh(matrix @ matrix)
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
    fork_server.close()  # from here on the processor time of its children counts
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
    """Processor time of this process and of the ended ones that it started."""
    return sum(os.times()[:4])


def overhead(folder: Path, base: RunRequest, seconds: float) -> None:
    """Print what a sweep of four cells costs besides attacks that compute for ``seconds``.

    The command itself is timed, from its start to its end.
    """
    print("| where | attack, CPU s | all, CPU s | beside it | all, s |\n|---|---|---|---|---|")
    for words in ("", "--isolate", "--jobs 2", "--jobs 2 --isolate"):
        out = folder / f"busy{words}".replace(" ", "-")
        matrix = folder / "busy.toml"
        matrix.write_text(
            f'attacks = ["{base.attack}"]\ntargets = ["pe"]\nseeds = [0, 1, 2, 3]\nsize = 32\n'
            f'victims = 64\nadversary = 256\n[attack."{base.attack}"]\nseconds = {seconds}\n'
        )
        isolation = [] if "--isolate" in words else ["--no-isolate"]
        command = ["bench", str(matrix), "-q", "--out", str(out), *words.split(), *isolation]
        start, used = time.perf_counter(), _cpu_seconds()
        subprocess.run(
            [sys.executable, "-m", "ppattack_cli", *command], check=True, stdout=subprocess.DEVNULL
        )
        spent, used = time.perf_counter() - start, _cpu_seconds() - used
        attacks = 4 * seconds
        print(
            f"| bench {words} | {attacks:.0f} | {used:.1f} | {used / attacks - 1:.1%} "
            f"| {spent:.1f} |",
            flush=True,
        )


def main() -> None:
    """Measure in every way."""
    busy = sys.argv[1:2] == ["busy"]
    given = [int(argument) for argument in sys.argv[1 + busy :]]
    with tempfile.TemporaryDirectory() as folder:
        attack = Path(folder) / "grey.py"
        attack.write_text(ATTACK)
        base = RunRequest(f"{attack}:Grey", "pe", victims=12, adversary=24, size=32, save_images=0)
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs")
        if busy:
            overhead(Path(folder), base, *(given or [BUSY_SECONDS])[:1])
        else:
            trivial(Path(folder), base, *[*given, *(CELLS, JOBS)[len(given) :]][:2])


def trivial(folder: Path, base: RunRequest, cells: int, jobs: int) -> None:
    """Print what cells that attack nothing cost."""
    print("| where | cells | s per cell | median within | CPU s per cell |\n|---|---|---|---|---|")
    for isolate in (False, True):
        for name, executor in (
            ("this process", InThisProcess()),
            (f"{jobs} processes", LocalProcesses(jobs)),
        ):
            label = f"{name}, isolated" if isolate else name
            out = folder / label.replace(" ", "-")
            requests = [replace(base, seed=seed, out=out, isolate=isolate) for seed in range(cells)]
            measured(label, requests, executor)


if __name__ == "__main__":
    main()
