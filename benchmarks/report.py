"""The report on 100 cells with 64 samples each: how long it takes and how large it is.

Ten targets and ten attacks, 256 scored images per cell, a sheet of 64 reconstructions and eight
sample columns. The images are noise, which no encoder can compress.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ppattack.render.samples import write_samples
from ppattack.reports.run import (
    AttackPart,
    Controls,
    DataPart,
    Report,
    TargetPart,
    ThreatPart,
    scores_csv,
)
from ppattack.reports.scores import MetricScores, Scores, Summary

LARGEST, LONGEST = 15e6, 10.0


def main() -> None:
    """Make the runs, then time the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--size", type=int, default=32, help="edge of the images, pixels")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for cell in range(chosen.cells):
            _make_run(folder / "runs" / f"run{cell}", cell, chosen.size)
        start = time.perf_counter()
        command = [sys.executable, "-m", "ppattack_cli", "report", "runs"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = (folder / "report.html").stat().st_size
    processor = used.ru_utime + used.ru_stime
    print(
        f"{chosen.cells} cells, {chosen.size} px: {seconds:.1f} s ({processor:.1f} s of one core), "
        f"{size / 1e6:.1f} MB"
    )
    if seconds > LONGEST or size > LARGEST:
        raise SystemExit(f"more than {LONGEST:.0f} s or {LARGEST / 1e6:.0f} MB")


def _make_run(folder: Path, cell: int, size: int) -> None:
    rng = np.random.default_rng(cell)
    images = torch.from_numpy(rng.integers(0, 256, (64, 3, size, size), np.uint8))
    folder.mkdir(parents=True)
    write_samples(folder / "samples", images, images, images, {})
    values = {
        f"{metric}.{role}": list(rng.uniform(0, 1, 256))
        for metric in ("ssim", "lpips")
        for role in ("reconstruction", "baseline", "gain", "ciphertext")
    }
    (folder / "scores.csv").write_text(scores_csv([f"{i:05d}" for i in range(256)], values))
    (folder / "report.json").write_text(_report(cell).to_json())


def _report(cell: int) -> Report:
    attack, target = f"attack-{cell % 10}", f"target-{cell // 10}"
    summary = Summary(n=256, mean=0.5, median=0.5, q1=0.4, q3=0.6, min=0, max=1, ci95=(0.4, 0.6))
    scores = MetricScores(
        better="higher",
        reconstruction=summary,
        ciphertext=summary,
        baseline=summary,
        baseline_name="mean",
        gain=summary,
    )
    return Report(
        id=f"{cell:012d}",
        attack=AttackPart(name=attack, config={"epochs": 10}, notes={}),
        target=TargetPart(name=target, config={"block_size": 4}, key_space_bits=256.0),
        data=DataPart(
            name="noise", hash="00", shape=(3, 32, 32), victims=256, adversary=1000, notes=[]
        ),
        threat=ThreatPart(
            public="unpaired", pairs=0, chosen=0, own_keys=True, key_scope="image", words="some"
        ),
        scores=Scores(ssim=scores, lpips=scores),
        absent={},
        verdict=("BROKEN", "RESISTED", "INCONCLUSIVE")[cell % 3],
        reason="made up.",
        worst=None,
        failures={},
        controls=Controls(positive=None, negative=None, baselines={}),
        timing={"attack": 1.0},
        provenance={"seed": 0, "request": {"attack": attack, "target": target}},
    )


if __name__ == "__main__":
    main()
